/**
 * What is stored of one enqueued piece of work: a spec that never changes, and a state that is replaced
 * as a whole. Both are immutable values, so a backend may keep what it is given and hand out what it keeps.
 */

import type { SerializedError } from './serialized-error.ts'
import type { Json } from './json.ts'
import type { Level } from './level.ts'
import type { StoredOptions } from './options.ts'
import type { Status } from './status.ts'
import type { Headers, Tags } from './tags.ts'

/** Where a record came from. */
export type TaskSource = 'api' | 'schedule' | 'retry'

/** Who gave up a record that may not be claimed yet (DESIGN §8). */
export type Hold = 'handler' | 'response'

/** The trace carrier (`traceparent`, …), opaque to all but the observer that wrote it. */
export type TraceContext = Readonly<Record<string, string>>

/** Bound request and task fields (request id, user, …). */
export type ContextFields = Readonly<Record<string, Json>>

/** The part of a record that is fixed at enqueue. What a task does not have may be absent or `undefined`: both say the same. */
export interface TaskSpec {
  /** Unique in the store: uuid v7 unless the caller gave one, `/^[\w.:-]{1,128}$/`. */
  readonly id: string
  readonly name: string
  readonly label?: string | undefined
  readonly queue: string
  /** Integer within ±1,000,000; higher runs first. */
  readonly priority: number
  readonly source: TaskSource
  readonly tags: Tags
  readonly headers: Headers
  /** The raw input as JSON text; `undefined` when there is none. */
  readonly inputJson: string | undefined
  /** Epoch milliseconds. */
  readonly createdAt: number
  /** Epoch milliseconds; never started from then on. */
  readonly expiresAt?: number | undefined
  /** Extra attempts after the first; `Infinity` allowed. */
  readonly retries: number
  /** Whether an attempt that a crash or shutdown cut off is run again. */
  readonly requeueOnInterrupt: boolean
  readonly shield: boolean
  readonly parentId?: string | undefined
  /** The first task of the tree; the record's own id when it has no parent. */
  readonly rootId: string
  readonly retryOf?: string | undefined
  readonly idempotencyKey?: string | undefined
  readonly traceContext?: TraceContext | undefined
  readonly context?: ContextFields | undefined
  /** Options given with the call, so that another process runs the task by them too. */
  readonly options?: StoredOptions | undefined
  /** Names of options that were functions and live only in the process that enqueued. */
  readonly localOptions?: readonly string[] | undefined
}

/** The part of a record that its owner replaces with each transition. */
export interface TaskState {
  readonly status: Status
  /** The executor that may write; null when unclaimed or terminal. */
  readonly owner: string | null
  /** Grows with every claim and every start; a write with an older one is refused. */
  readonly fence: number
  /** Attempts begun so far. `attempt` is one less, and 0 before the first. */
  readonly starts: number
  /** Attempts that a crash, shutdown or lost lease cut off and that were requeued. */
  readonly recoveries: number
  /** Those of them that were not an orderly shutdown: more than three end the task. */
  readonly crashes: number
  /** Epoch milliseconds from which it may run. */
  readonly dueAt: number
  /** Start of the latest attempt, epoch milliseconds. */
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** How long the latest attempt waited for its slot, in milliseconds. */
  readonly waitMs: number | undefined
  /** How long the latest ended attempt ran, in milliseconds. */
  readonly durationMs: number | undefined
  readonly resultJson: string | undefined
  readonly resultError: SerializedError | undefined
  /** The latest failure; kept while retrying. */
  readonly error: SerializedError | undefined
  /** Why it ended or was requeued: a failure reason, an interrupt reason, or the canceller's words. */
  readonly reason: string | undefined
  readonly cancelledBy: string | undefined
  readonly hold: Hold | undefined
  /** End of the latest attempt, when the task was not over with it. */
  readonly attemptEndedAt?: number | undefined
  /** The executor that ran the latest attempt. */
  readonly worker?: string | undefined
  /** What was measured of the latest attempt, once it has ended. */
  readonly facts?: AttemptFacts | undefined
  /** How the latest attempt ended, when the task came to another end afterwards, without a further one. */
  readonly attemptEnd?: Pick<AttemptRecord, 'outcome' | 'reason'> | undefined
  /** Attempts before the latest one, oldest first; at most the last {@link MAX_HISTORY}. */
  readonly history?: readonly AttemptRecord[] | undefined
}

/** So many earlier attempts are kept with a record. */
export const MAX_HISTORY = 25

/** What was measured of an attempt where it ran. What was nothing, or could not be measured, is absent. */
export interface AttemptFacts {
  /** How long the body waited for the store to have its start, in milliseconds. Absent when it did not wait. */
  readonly persistMs?: number | undefined
  /**
   * The longest that the event loop stood still while it ran, in milliseconds, as far as the watch for
   * `executor.loop_blocked` saw: absent below 50, and while no observer wants that event.
   */
  readonly loopDelayMs?: number | undefined
  /** How many lines it wrote, by level; lines that neither the store nor an observer wants are not counted. */
  readonly logCounts?: LogCounts | undefined
  /** The carrier of its own span, by which the next attempt refers to it. Unknown of one that died with its process. */
  readonly traceContext?: TraceContext | undefined
}

/** How many log lines, by level; a level without any is absent. */
export type LogCounts = Readonly<Partial<Record<Level, number>>>

/** One attempt, as it was. Its log lines are those of the record with the same `attempt`. */
export interface AttemptRecord extends AttemptFacts {
  /** Zero-based. */
  readonly attempt: number
  readonly outcome: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted'
  /** A failure reason, an interrupt reason, or the canceller's words. */
  readonly reason?: string | undefined
  readonly error?: SerializedError | undefined
  /** Epoch milliseconds. */
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** How long it waited for its slot, and ran, in milliseconds. */
  readonly waitMs: number | undefined
  readonly durationMs: number | undefined
  /** The executor that ran it. */
  readonly worker: string | undefined
}

/** How far a task says it is. */
export interface Progress {
  readonly done: number
  readonly total?: number
}

/** A cancel that was asked for; written by any executor, carried out by the owner. */
export interface CancelRequest {
  readonly reason?: string
  readonly by?: string
}

/** One stored log line. */
export interface LogLine {
  /** Epoch milliseconds. */
  readonly time: number
  readonly level: Level
  readonly attempt: number
  readonly message: string
  /** Only when the executor stores extras. */
  readonly extra?: Readonly<Record<string, Json>>
}

/** A record as a backend gives it. */
export interface StoredRecord {
  readonly spec: TaskSpec
  readonly state: TaskState
  /** Order of insertion into the store; given by the store, grows. */
  readonly position: number
  readonly progress?: Progress | undefined
  readonly cancelRequest?: CancelRequest | undefined
  /** The newest retry by hand of this record. */
  readonly retriedBy?: string | undefined
}

/** The latest attempt; `undefined` before the first. */
export function latestAttempt(state: TaskState): AttemptRecord | undefined {
  if (state.starts === 0) return undefined
  const { startedAt, endedAt, attemptEndedAt, waitMs, durationMs, error, worker } = state
  const { outcome, reason } = state.attemptEnd ?? {
    outcome: latestOutcome(state),
    reason: state.reason,
  }
  const isOver = outcome !== 'running'
  return {
    attempt: attemptOf(state),
    outcome,
    reason: isOver ? reason : undefined,
    error: outcome === 'failed' ? error : undefined,
    startedAt,
    endedAt: attemptEndedAt ?? endedAt,
    waitMs,
    durationMs: isOver ? durationMs : undefined,
    worker,
    ...state.facts,
  }
}

function latestOutcome(state: TaskState): AttemptRecord['outcome'] {
  const { status, reason } = state
  if (state.attemptEndedAt !== undefined) {
    // It did not end the task: it failed and was to be retried, or was cut off and requeued.
    const wasCutOff = reason === 'crash' || reason === 'shutdown' || reason === 'lease_lost'
    return wasCutOff || state.error === undefined ? 'interrupted' : 'failed'
  }
  switch (status) {
    case 'running':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'interrupted':
      return status
    case 'scheduled':
    case 'pending':
    case 'retrying':
    case 'expired':
      // Stored by a version that did not keep the attempt's end.
      return 'failed'
  }
}

/** Zero-based number of the current or latest attempt: how many starts came before it. */
export function attemptOf(state: TaskState): number {
  return state.starts === 0 ? 0 : state.starts - 1
}

/** Retries used so far: failed attempts that were followed by another; recoveries do not count. */
export function retriesUsedOf(state: TaskState): number {
  const used = attemptOf(state) - state.recoveries
  return used > 0 ? used : 0
}

/** The highest number of attempts the task can have as things stand. */
export function maxAttemptsOf(spec: TaskSpec, state: TaskState): number {
  return spec.retries + 1 + state.recoveries
}
