/** What no list of events may contradict: the state machine, the level table, the order. Replays a list, and says what is wrong. */

import {
  EVENT_LEVELS,
  type AttemptSummaryEvent,
  type PlainsightEvent,
  type TaskEvent,
} from '../../src/events/event.ts'
import { isTerminal, TRANSITIONS, type OutcomeType, type Status } from '../../src/task/status.ts'

interface Replayed {
  status: Status | undefined
  starts: number
  /** Set by `attempt.failed`: the status that the next event of the task must confirm. */
  failedAs: Status | undefined
  /** Of the attempt that has just ended: its outcome is what the next event of the task must tell of. */
  summary: AttemptSummaryEvent | undefined
  time: number
}

interface RuleOptions {
  /** Every task that appears has ended. Default true. */
  readonly complete?: boolean
  /** The first events of some tasks were another executor's: these were claimed or adopted. Default false. */
  readonly takesOver?: boolean
}

/** Sentences about what is wrong with all `events` of one executor, from debug up; none when they tell one true story. */
export function contradictions(
  events: readonly PlainsightEvent[],
  { complete = true, takesOver = false }: RuleOptions = {},
): readonly string[] {
  const wrong: string[] = []
  const tasks = new Map<string, Replayed>()
  // Only who asks for the summaries has them.
  const hasSummaries = events.some(({ type }) => type === 'attempt.summary')
  let seq = 0
  let closed = false
  for (const event of events) {
    const complain = (why: string): void => void wrong.push(`${event.seq} ${event.type}: ${why}`)
    if (closed) complain('after executor.closed')
    if (event.seq <= seq) complain(`seq after ${seq}`)
    seq = event.seq
    if (event.executorId !== events[0]?.executorId) complain('of another executor')
    if (!isPlainAndFrozen(event)) complain('is not frozen plain data')
    checkLevel(event, complain)
    if (event.type === 'executor.closed') closed = true
    if ('taskId' in event) replay(event, tasks, { takesOver, hasSummaries }, complain)
  }
  for (const [id, { status, failedAs, summary }] of tasks) {
    if (summary !== undefined) wrong.push(`${id}: attempt.summary was not followed up`)
    if (failedAs !== undefined) wrong.push(`${id}: attempt.failed was not followed up`)
    if (complete && (status === undefined || !isTerminal(status)))
      wrong.push(`${id}: has not ended, it is ${String(status)}`)
  }
  return wrong
}

/** The types of one task's events, in order; without the summaries, each of which belongs to the event after it. */
export function typesOf(
  events: readonly PlainsightEvent[],
  taskId?: string,
): readonly PlainsightEvent['type'][] {
  return events
    .filter((event) => taskId === undefined || ('taskId' in event && event.taskId === taskId))
    .filter(({ type }) => type !== 'attempt.summary')
    .map(({ type }) => type)
}

function replay(
  event: TaskEvent,
  tasks: Map<string, Replayed>,
  { takesOver, hasSummaries }: { readonly takesOver: boolean; readonly hasSummaries: boolean },
  complain: (why: string) => void,
): void {
  let task = tasks.get(event.taskId)
  if (task === undefined) {
    const isNew = event.type === 'task.enqueued' || event.type === 'task.scheduled'
    if (!isNew && !takesOver) complain('is the first event of its task')
    const starts = event.type === 'attempt.started' ? event.attempt : event.attempt + 1
    task = {
      status: undefined,
      starts: isNew ? 0 : starts,
      failedAs: undefined,
      summary: undefined,
      time: event.time,
    }
    tasks.set(event.taskId, task)
  }
  // A record that found a free slot has started with its insert; a cancel may be told of before that is.
  const isBack = event.time < task.time && event.type !== 'attempt.started'
  if (isBack) complain(`time goes back by ${task.time - event.time} ms`)
  task.time = Math.max(task.time, event.time)
  const { status: from } = task
  if (task.failedAs !== undefined) {
    const follower = task.failedAs === 'retrying' ? 'task.retrying' : 'task.failed'
    if (event.type !== follower) complain(`comes between attempt.failed and ${follower}`)
  }
  const { summary } = task
  task.summary = undefined
  if (summary !== undefined) {
    const wrong = whatSummaryMisses(summary, event)
    if (wrong !== undefined) complain(wrong)
  } else if (hasSummaries && endsAttempt(event, from)) {
    complain('without attempt.summary')
  }
  const step = (outcome: OutcomeType, to: Status): void => {
    if (event.status !== to) complain(`says ${event.status}, expected ${to}`)
    if (from !== undefined && !canBecome(from, outcome, to)) complain(`${from} became ${to}`)
    task.status = to
  }
  const stay = (): void => {
    if (from !== undefined && isTerminal(from)) complain(`after ${from}`)
    if (from !== undefined && event.status !== from) complain(`says ${event.status}, it is ${from}`)
  }
  if (event.type !== 'attempt.started' && isOfCurrentAttempt(event)) {
    if (event.attempt !== Math.max(0, task.starts - 1))
      complain(`says attempt ${event.attempt} after ${task.starts} starts`)
  }
  switch (event.type) {
    case 'task.enqueued':
    case 'task.scheduled':
      if (from !== undefined) complain('accepted twice')
      task.status = event.type === 'task.enqueued' ? 'pending' : 'scheduled'
      if (event.status !== task.status) complain(`says ${event.status}`)
      break
    case 'attempt.started':
      // Due in the store only when it starts: `due` has no event of its own.
      if (from === 'scheduled' || from === 'retrying') task.status = 'pending'
      if (event.status !== 'running') complain(`says ${event.status}`)
      if (task.status !== undefined && task.status !== 'pending') complain(`started while ${from}`)
      if (event.attempt !== task.starts)
        complain(`is attempt ${event.attempt} after ${task.starts}`)
      if (event.waitMs < 0) complain('waited for less than nothing')
      task.status = 'running'
      task.starts += 1
      break
    case 'task.log':
    case 'task.progress':
      stay()
      break
    case 'task.cancel_requested':
      // A record that found a free slot was inserted as running; its attempt.started may be yet to come.
      if (from !== 'pending' || event.status !== 'running') stay()
      break
    case 'attempt.summary':
      if (from !== undefined && from !== 'running') complain(`while ${from}`)
      task.summary = event
      break
    case 'attempt.failed':
      if (event.status !== 'retrying' && event.status !== 'failed') complain(`says ${event.status}`)
      if (from !== undefined && from !== 'running') complain(`while ${from}`)
      if ((event.retryAt !== undefined) !== (event.status === 'retrying'))
        complain('retryAt does not go with its status')
      task.failedAs = event.status
      break
    case 'task.retrying':
      if (task.failedAs !== 'retrying') complain('without attempt.failed')
      step('failure', 'retrying')
      task.failedAs = undefined
      break
    case 'task.failed':
      if (task.failedAs === undefined && event.reason !== 'crash_loop')
        complain('without attempt.failed')
      step(event.reason === 'crash_loop' ? 'interrupt' : 'failure', 'failed')
      task.failedAs = undefined
      break
    case 'task.succeeded':
      step('success', 'succeeded')
      break
    case 'task.cancelled':
      step('cancel', 'cancelled')
      break
    case 'task.interrupted':
      step('interrupt', 'interrupted')
      break
    case 'task.requeued':
      step('interrupt', 'pending')
      break
    case 'task.expired':
      step('expire', 'expired')
      break
    case 'task.deduplicated':
      if (from !== undefined && isTerminal(from) && from !== 'succeeded') complain(`after ${from}`)
      break
    case 'attempt.overrun':
    case 'attempt.discarded':
      if (event.attempt >= task.starts) complain('of an attempt that was not started')
      break
    case 'hook.error':
      break
  }
}

const OUTCOMES: Readonly<Partial<Record<TaskEvent['type'], AttemptSummaryEvent['outcome']>>> = {
  'task.succeeded': 'succeeded',
  'attempt.failed': 'failed',
  // After a crash loop, without an `attempt.failed`.
  'task.failed': 'failed',
  'task.cancelled': 'cancelled',
  'task.interrupted': 'interrupted',
  'task.requeued': 'interrupted',
}

function whatSummaryMisses(summary: AttemptSummaryEvent, event: TaskEvent): string | undefined {
  if (OUTCOMES[event.type] !== summary.outcome) return `comes after a summary of ${summary.outcome}`
  if (event.status !== summary.status) return `says ${event.status}, its summary ${summary.status}`
  if (event.attempt !== summary.attempt) return `is about another attempt than its summary`
  return undefined
}

// What came before an executor took a task over is not known.
function endsAttempt(event: TaskEvent, from: Status | undefined): boolean {
  if (from !== 'running' || OUTCOMES[event.type] === undefined) return false
  // Its `attempt.failed` had the summary before it.
  return event.type !== 'task.failed' || event.reason === 'crash_loop'
}

// A late body and a slow hook may speak of an attempt that is over.
function isOfCurrentAttempt(event: TaskEvent): boolean {
  const { type } = event
  return (
    type !== 'attempt.overrun' &&
    type !== 'attempt.discarded' &&
    type !== 'hook.error' &&
    type !== 'task.deduplicated'
  )
}

function canBecome(from: Status, outcome: OutcomeType, to: Status): boolean {
  return TRANSITIONS[from][outcome]?.includes(to) === true
}

function checkLevel(event: PlainsightEvent, complain: (why: string) => void): void {
  const { level } = event
  switch (event.type) {
    case 'task.log':
      return
    case 'attempt.failed':
      if (level !== (event.status === 'retrying' ? 'warning' : 'debug'))
        complain(`has level ${level}`)
      return
    case 'task.failed':
      if (level !== (event.expected === true ? 'info' : 'error')) complain(`has level ${level}`)
      return
    default:
      if (level !== EVENT_LEVELS[event.type]) complain(`has level ${level}`)
  }
}

function isPlainAndFrozen(value: unknown): boolean {
  if (
    value === undefined ||
    value === null ||
    typeof value === 'string' ||
    typeof value === 'boolean'
  )
    return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || !Object.isFrozen(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null)
    return false
  return Object.values(value).every(isPlainAndFrozen)
}
