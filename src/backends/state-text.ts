/** A state as text: one line of JSON with what has no column, then the result as it came. */

import type { AttemptFacts, AttemptRecord, Hold, TaskState } from '../task/record.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import { dueLaterAt } from './due.ts'
import { STATUSES, type Status } from '../task/status.ts'
import { headFrom, splitText, storable } from './spec-text.ts'

/** The columns that hold the rest of a state. */
export interface StateColumns {
  readonly status: number
  readonly fence: number
  readonly ended_at: number | null
}

interface Head {
  readonly starts?: number
  readonly recoveries?: number
  readonly crashes?: number
  readonly dueAt: number
  readonly startedAt?: number
  readonly waitMs?: number
  readonly durationMs?: number
  readonly resultError?: SerializedError
  readonly error?: SerializedError
  readonly reason?: string
  readonly cancelledBy?: string
  readonly hold?: Hold
  readonly attemptEndedAt?: number
  readonly worker?: string
  readonly facts?: AttemptFacts
  readonly attemptEnd?: Pick<AttemptRecord, 'outcome' | 'reason'>
  readonly history?: readonly AttemptRecord[]
}

const STATUS_NUMBERS = Object.fromEntries(
  STATUSES.map((status, index) => [status, index]),
) as Readonly<Record<Status, number>>

export function statusNumber(status: Status): number {
  return STATUS_NUMBERS[status]
}

/** The column `held`: 0 when a claim may take it, 1 while it is held, 2 when it is due later. */
export function heldNumber(state: TaskState): number {
  if (state.hold !== undefined) return 1
  return dueLaterAt(state) === undefined ? 0 : 2
}

export function statusOf(number: number): Status {
  return STATUSES[number] ?? 'failed'
}

// By hand, like the spec's: written two or three times per task.
export function stateText(state: TaskState): string {
  let text = `{"dueAt":${state.dueAt}`
  if (state.starts !== 0) text += `,"starts":${state.starts}`
  if (state.recoveries !== 0) text += `,"recoveries":${state.recoveries}`
  if (state.crashes !== 0) text += `,"crashes":${state.crashes}`
  if (state.startedAt !== undefined) text += `,"startedAt":${state.startedAt}`
  if (state.waitMs !== undefined) text += `,"waitMs":${state.waitMs}`
  if (state.durationMs !== undefined) text += `,"durationMs":${state.durationMs}`
  if (state.resultError !== undefined) text += `,"resultError":${JSON.stringify(state.resultError)}`
  if (state.error !== undefined) text += `,"error":${JSON.stringify(state.error)}`
  if (state.reason !== undefined) text += `,"reason":${JSON.stringify(state.reason)}`
  if (state.cancelledBy !== undefined) text += `,"cancelledBy":${JSON.stringify(state.cancelledBy)}`
  if (state.hold !== undefined) text += `,"hold":"${state.hold}"`
  if (state.attemptEndedAt !== undefined) text += `,"attemptEndedAt":${state.attemptEndedAt}`
  // An executor's id needs no escaping: see ID_PATTERN.
  if (state.worker !== undefined) text += `,"worker":"${state.worker}"`
  if (state.facts !== undefined) text += `,"facts":${factsText(state.facts)}`
  if (state.attemptEnd !== undefined) text += `,"attemptEnd":${JSON.stringify(state.attemptEnd)}`
  if (state.history !== undefined) text += `,"history":${JSON.stringify(state.history)}`
  return state.resultJson === undefined ? `${text}}` : `${text}}\n${storable(state.resultJson)}`
}

// Most have the time of their start's write, and nothing else.
function factsText(facts: AttemptFacts): string {
  const { persistMs, loopDelayMs, logCounts, traceContext } = facts
  const isAlone = loopDelayMs === undefined && logCounts === undefined && traceContext === undefined
  return persistMs !== undefined && isAlone ? `{"persistMs":${persistMs}}` : JSON.stringify(facts)
}

export function stateFrom(columns: StateColumns, owner: string | null, text: string): TaskState {
  const [headText, resultJson] = splitText(text)
  const head = headFrom<Head>(headText)
  if (!Number.isFinite(head.dueAt)) throw new SyntaxError('a state without dueAt')
  return {
    status: statusOf(columns.status),
    owner,
    fence: columns.fence,
    starts: head.starts ?? 0,
    recoveries: head.recoveries ?? 0,
    crashes: head.crashes ?? 0,
    dueAt: head.dueAt,
    startedAt: head.startedAt,
    endedAt: columns.ended_at ?? undefined,
    waitMs: head.waitMs,
    durationMs: head.durationMs,
    resultJson,
    resultError: head.resultError,
    error: head.error,
    reason: head.reason,
    cancelledBy: head.cancelledBy,
    hold: head.hold,
    attemptEndedAt: head.attemptEndedAt,
    worker: head.worker,
    facts: head.facts,
    attemptEnd: head.attemptEnd,
    history: head.history,
  }
}
