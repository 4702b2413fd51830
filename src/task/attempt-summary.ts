/** All that is known of one attempt, in one row: what lists, events and log lines say of it. */

import { byteLength } from './json.ts'
import type { AttemptRecord, LogCounts, TaskSpec, TaskState } from './record.ts'
import type { SerializedError } from './serialized-error.ts'
import type { Tags } from './tags.ts'
import { traceIdOf } from './trace-id.ts'

/** An error without its stack, fields and causes: those are on the record. */
export type ErrorSummary = Pick<SerializedError, 'name' | 'message' | 'code' | 'fingerprint'>

/** What a summary says of its attempt, beside whose attempt it is. Instants are epoch milliseconds. */
export interface AttemptNumbers {
  readonly outcome: AttemptRecord['outcome']
  /** A failure reason, an interrupt reason, or the canceller's words. */
  readonly reason: string | undefined
  readonly error: ErrorSummary | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** From due to started, in milliseconds. */
  readonly waitMs: number | undefined
  /** From started to the end of the body, in milliseconds; unknown of one that was cut off elsewhere. */
  readonly runMs: number | undefined
  /** How long the body waited for the store to have its start; absent when it did not wait. */
  readonly persistMs: number | undefined
  /** The longest that the event loop stood still while it ran, from 50 ms up; absent while nobody watches it. */
  readonly loopDelayMs: number | undefined
  /** Of the input as JSON in UTF-8; 0 without one. */
  readonly inputBytes: number
  /** Of the stored result as JSON in UTF-8; 0 without one. */
  readonly resultBytes: number
  readonly logCounts: LogCounts
  /** Of the attempt's own span when it is known, else of the record's carrier: 32 hex digits. */
  readonly traceId: string | undefined
  /** The executor that ran it. */
  readonly worker: string | undefined
}

/** One attempt of one task. */
export interface AttemptSummary extends AttemptNumbers {
  readonly taskId: string
  readonly taskName: string
  readonly label: string | undefined
  readonly queue: string
  readonly tags: Tags
  /** Zero-based. */
  readonly attempt: number
}

const NO_LINES: LogCounts = Object.freeze({})

/** `attempt` of the record: its latest, or one of its history. */
export function attemptSummary(
  spec: TaskSpec,
  state: TaskState,
  attempt: AttemptRecord,
): AttemptSummary {
  return {
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    queue: spec.queue,
    tags: spec.tags,
    attempt: attempt.attempt,
    ...attemptNumbers(spec, state, attempt),
  }
}

export function attemptNumbers(
  spec: TaskSpec,
  state: TaskState,
  attempt: AttemptRecord,
): AttemptNumbers {
  const { outcome, error, logCounts = NO_LINES } = attempt
  const { inputJson } = spec
  const resultJson = outcome === 'succeeded' ? state.resultJson : undefined
  return {
    outcome,
    reason: attempt.reason,
    error: error === undefined ? undefined : errorSummary(error),
    startedAt: attempt.startedAt,
    endedAt: attempt.endedAt,
    waitMs: attempt.waitMs,
    runMs: attempt.durationMs,
    persistMs: attempt.persistMs,
    loopDelayMs: attempt.loopDelayMs,
    inputBytes: inputJson === undefined ? 0 : byteLength(inputJson),
    resultBytes: resultJson === undefined ? 0 : byteLength(resultJson),
    logCounts,
    traceId: traceIdOf(attempt.traceContext) ?? traceIdOf(spec.traceContext),
    worker: attempt.worker,
  }
}

function errorSummary({ name, message, code, fingerprint }: SerializedError): ErrorSummary {
  const summary = { name, message, fingerprint }
  return Object.freeze(code === undefined ? summary : { ...summary, code })
}
