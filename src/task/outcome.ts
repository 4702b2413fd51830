/** What happened to a record, as a value: the input of the state machine. */

import type { InterruptReason } from './errors.ts'
import type { AttemptFacts } from './record.ts'
import type { SerializedError } from './serialized-error.ts'

/** Why a task failed, or why an attempt of it did. */
export type FailureReason =
  | 'error'
  | 'timeout'
  | 'unrecoverable'
  | 'crash_loop'
  | 'invalid_input'
  | 'corrupt'

/** The time for which a record waited has come. */
export interface DueOutcome {
  readonly type: 'due'
}

/** A slot was found: the next attempt begins. */
export interface StartOutcome {
  readonly type: 'start'
}

/** The body resolved. */
export interface SuccessOutcome {
  readonly type: 'success'
  /** Length of this attempt in milliseconds, from a monotonic clock. */
  readonly durationMs: number
  /** The result as JSON; absent when there is none or it is not kept. */
  readonly resultJson?: string | undefined
  /** Why the result could not be stored; the task has succeeded all the same. */
  readonly resultError?: SerializedError | undefined
  /** What was measured of the attempt that ended with it. */
  readonly facts?: AttemptFacts | undefined
}

/** The body threw, ran past its deadline, or could not be run. */
export interface FailureOutcome {
  readonly type: 'failure'
  readonly error: SerializedError
  readonly reason: FailureReason
  readonly durationMs: number
  /** How long to wait before the next attempt; `undefined` forbids one whatever the budget. */
  readonly retryDelayMs?: number | undefined
  /** What was measured of the attempt that ended with it. */
  readonly facts?: AttemptFacts | undefined
}

/** Somebody asked for an end, and the body (if it ran) did not resolve. */
export interface CancelOutcome {
  readonly type: 'cancel'
  readonly reason?: string | undefined
  readonly by?: string | undefined
  readonly durationMs?: number | undefined
  /** What was measured of the attempt that ended with it. */
  readonly facts?: AttemptFacts | undefined
}

/** The executor went away, or gives the record up. */
export interface InterruptOutcome {
  readonly type: 'interrupt'
  readonly reason: InterruptReason
  readonly durationMs?: number | undefined
  /** False when nobody can take the record over (a store that is not durable). Default: the record's own policy. */
  readonly requeue?: boolean | undefined
  /** What was measured of the attempt that ended with it. */
  readonly facts?: AttemptFacts | undefined
}

/** `expiresAt` passed before a start. */
export interface ExpireOutcome {
  readonly type: 'expire'
}

export type Outcome =
  | DueOutcome
  | StartOutcome
  | SuccessOutcome
  | FailureOutcome
  | CancelOutcome
  | InterruptOutcome
  | ExpireOutcome
