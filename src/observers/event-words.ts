/** What happened, in words: the message of an event wherever people read it. */

import type {
  AttemptSummaryEvent,
  LoopBlocker,
  PlainsightEvent,
  TaskEvent,
} from '../events/event.ts'
import type { InterruptReason } from '../task/errors.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import { durationText } from './duration-text.ts'

/**
 * One sentence about `event`, subject included: `charge-card succeeded in 12ms`; a log line's is its message.
 *
 * Contains what users wrote, as they wrote it: escape it before it reaches a terminal.
 */
export function eventMessage(event: PlainsightEvent): string {
  if (event.type === 'task.log') return event.message
  return isTaskEvent(event) ? `${subjectOf(event)} ${eventWords(event)}` : eventWords(event)
}

/** What the task is called where people read: its label, else its name. */
export function subjectOf(event: TaskEvent): string {
  return event.label ?? event.taskName
}

/** Whether `event` is about one task. */
export function isTaskEvent(event: PlainsightEvent): event is TaskEvent {
  return 'taskId' in event
}

/** What happened, without the task: `succeeded in 12ms`. Escape it before it reaches a terminal. */
export function eventWords(event: PlainsightEvent): string {
  switch (event.type) {
    case 'task.enqueued':
      return `enqueued${from(event)}${event.priority === 0 ? '' : `, priority ${event.priority}`}`
    case 'task.scheduled':
      return `scheduled${from(event)}, due in ${durationText(event.runAt - event.time)}`
    case 'task.deduplicated':
      return `is already there under the key ${event.idempotencyKey}`
    case 'attempt.started':
      return `started${again(event)}${event.waitMs < 1 ? '' : ` after waiting ${durationText(event.waitMs)}`}`
    case 'task.log':
      return event.error === undefined
        ? event.message
        : `${event.message} (${errorText(event.error)})`
    case 'task.progress':
      return progress(event.done, event.total)
    case 'attempt.summary':
      return summary(event)
    case 'attempt.failed': {
      const how = `attempt failed after ${durationText(event.durationMs)}${because(event.reason)}`
      const next =
        event.retryAt === undefined ? '' : `, ${nextRetry(event, event.retryAt - event.time)}`
      return `${how}${next}: ${errorText(event.error)}`
    }
    case 'task.retrying':
      return `waits: ${nextRetry(event, event.delayMs)}`
    case 'task.succeeded': {
      const unstored = event.resultError
      const note =
        unstored === undefined ? '' : `; its result was not stored: ${errorText(unstored)}`
      return `succeeded in ${durationText(event.durationMs)}${inAll(event)}${note}`
    }
    case 'task.failed': {
      const how = event.expected === true ? 'failed as expected' : 'failed'
      const spent = `after ${durationText(event.durationMs)}${inAll(event)}`
      return `${how} ${spent}${because(event.reason)}: ${errorText(event.error)}`
    }
    case 'task.cancel_requested':
      return `is asked to cancel${by(event.by)}${colon(event.reason)}`
    case 'task.cancelled':
      return `cancelled${by(event.by)}${afterRun(event.durationMs)}${colon(event.reason)}`
    case 'task.interrupted':
      return `interrupted by ${INTERRUPTS[event.reason]}${afterRun(event.durationMs)}`
    case 'task.requeued':
      return `requeued after ${INTERRUPTS[event.reason]}`
    case 'task.expired':
      return 'expired before it could start'
    case 'attempt.overrun':
      return `ran on ${durationText(event.overrunMs)} past its end`
    case 'attempt.discarded':
      return event.reason === 'late'
        ? 'ended too late to count'
        : 'ended, but belongs to another executor'
    case 'hook.error':
      return `had its hook ${event.hook} fail: ${errorText(event.error)}`
    case 'executor.started':
      return `executor started (${event.backend}, ${event.engine})${counts(', took over: ', event.recovered)}`
    case 'executor.closed':
      return `executor closed in ${durationText(event.durationMs)}${counts(', left: ', event.left)}`
    case 'executor.loop_blocked': {
      const who = event.by.map((each) => `${blockerText(each)} ${durationText(each.blockedMs)}`)
      return `event loop blocked for ${durationText(event.blockedMs)}${who.length === 0 ? '' : ` by ${who.join(', ')}`}`
    }
    case 'executor.unknown_task':
      return `${event.count} waiting for the task ${event.name}, which this executor does not have`
    case 'queue.paused':
      return `${queueText(event.queue)} paused${by(event.by)}`
    case 'queue.resumed':
      return `${queueText(event.queue)} resumed${by(event.by)}`
    case 'observer.error':
      return `observer ${event.observer} failed${times(event.count)}: ${errorText(event.error)}`
    case 'observer.dropped':
      return `observer ${event.observer} dropped ${event.count} ${event.count === 1 ? 'event' : 'events'}`
    case 'backend.error':
      return `backend failed to ${event.operation} (${event.code})${times(event.count)}: ${errorText(event.error)}`
    default:
      return unknownType(event)
  }
}

function blockerText({ taskName, taskId, observer }: LoopBlocker): string {
  return observer === undefined ? `${taskName} ${taskId}` : `observer ${observer}`
}

/** An error's name and the first line of its message. */
export function errorText(error: SerializedError): string {
  const end = error.message.search(/[\r\n]/)
  const line = end === -1 ? error.message : error.message.slice(0, end)
  return line === '' ? error.name : `${error.name}: ${line}`
}

const INTERRUPTS: Readonly<Record<InterruptReason, string>> = {
  shutdown: 'a shutdown',
  crash: 'a crash',
  lease_lost: 'the loss of its lease',
}

// A newer executor of a mixed deployment may send a type that this version does not know.
function unknownType(event: never): string {
  return (event as PlainsightEvent).type
}

function from(event: { readonly source: string }): string {
  return event.source === 'api' ? '' : ` by ${event.source}`
}

function again(event: TaskEvent): string {
  if (event.attempt === 0) return ''
  return event.attempt === event.retriesUsed
    ? ` retry ${event.retriesUsed}`
    : ` attempt ${event.attempt}`
}

function summary(event: AttemptSummaryEvent): string {
  const times = [
    `waited ${durationText(event.waitMs ?? 0)}`,
    ...(event.persistMs === undefined ? [] : [`stored in ${durationText(event.persistMs)}`]),
    ...(event.runMs === undefined ? [] : [`ran ${durationText(event.runMs)}`]),
    ...(event.loopDelayMs === undefined ? [] : [`loop stood ${durationText(event.loopDelayMs)}`]),
  ]
  const number = event.attempt === 0 ? '' : ` ${event.attempt}`
  const why = event.reason === undefined ? '' : because(event.reason)
  const { error } = event
  const failure = error === undefined ? '' : `: ${error.name} ${error.fingerprint}`
  return `attempt${number} ${event.outcome}${why}, ${times.join(', ')}${failure}`
}

function nextRetry(event: TaskEvent, delayMs: number): string {
  return `retry ${event.retriesUsed + 1} in ${durationText(delayMs)}`
}

function because(reason: string): string {
  return reason === 'error' ? '' : ` (${reason})`
}

// Only when the waiting and the earlier attempts are worth a word.
function inAll(event: { readonly durationMs: number; readonly totalMs: number }): string {
  const extra = event.totalMs - event.durationMs
  return extra >= 1_000 && extra > event.durationMs / 10
    ? ` (${durationText(event.totalMs)} in all)`
    : ''
}

function afterRun(durationMs: number | undefined): string {
  return durationMs === undefined ? '' : ` after ${durationText(durationMs)}`
}

function by(who: string | undefined): string {
  return who === undefined ? '' : ` by ${who}`
}

function colon(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`
}

function times(count: number): string {
  return count === 1 ? '' : ` ${count} times`
}

function progress(done: number, total: number | undefined): string {
  if (total === undefined) return `progress ${done}`
  const percent = total > 0 ? ` (${Math.floor((done / total) * 100)}%)` : ''
  return `progress ${done}/${total}${percent}`
}

function queueText(queue: string): string {
  return queue === '*' ? 'all queues' : `queue ${queue}`
}

function counts(lead: string, numbers: Readonly<Partial<Record<string, number>>>): string {
  const some: string[] = []
  for (const [what, count] of Object.entries(numbers)) {
    if (count !== undefined && count > 0) some.push(`${count} ${what}`)
  }
  return some.length === 0 ? '' : lead + some.join(', ')
}
