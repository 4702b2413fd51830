/** The record as a user sees it: read-only data about one task, with its durations and logs. */

import { formatLogs } from './format-logs.ts'
import type { Jsonify } from './json.ts'
import {
  attemptOf,
  latestAttempt,
  maxAttemptsOf,
  retriesUsedOf,
  type AttemptRecord,
  type ContextFields,
  type Hold,
  type LogLine,
  type Progress,
  type StoredRecord,
  type TaskSource,
  type TaskState,
  type TraceContext,
} from './record.ts'
import type { SerializedError } from './serialized-error.ts'
import type { Status } from './status.ts'
import type { Headers, Tags } from './tags.ts'
import { traceIdOf } from './trace-id.ts'

/** Everything known of one task at the moment of asking. Instants are epoch milliseconds. */
export interface TaskRecord<Output = unknown> {
  readonly id: string
  readonly name: string
  readonly label: string | undefined
  readonly status: Status
  /** The raw input, before the schema. */
  readonly input: unknown
  readonly result: Jsonify<Output> | undefined
  /** Why a succeeded task has no stored result. */
  readonly resultError: SerializedError | undefined
  /** The latest failure. */
  readonly error: SerializedError | undefined
  /** Why it failed, was cancelled, interrupted or requeued. */
  readonly reason: string | undefined
  readonly tags: Tags
  readonly headers: Headers
  /** Zero-based. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly retriesUsed: number
  readonly recoveries: number
  readonly createdAt: number
  readonly dueAt: number
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly expiresAt: number | undefined
  /** How long the latest attempt waited, ran, and the whole task took, in milliseconds. */
  readonly waitMs: number | undefined
  readonly durationMs: number | undefined
  readonly totalMs: number | undefined
  readonly queue: string
  readonly priority: number
  readonly source: TaskSource
  readonly parentId: string | undefined
  readonly rootId: string
  readonly retryOf: string | undefined
  readonly retriedBy: string | undefined
  readonly idempotencyKey: string | undefined
  readonly traceContext: TraceContext | undefined
  /** Of `traceContext`: 32 hex digits, by which its telemetry is found. */
  readonly traceId: string | undefined
  readonly requestContext: ContextFields | undefined
  readonly progress: Progress | undefined
  readonly hold: Hold | undefined
  readonly cancelRequested: boolean
  /** Options of the call that were functions and live only in the process that enqueued. */
  readonly localOptions: readonly string[]
  /** Every attempt so far, oldest first: the latest one, and up to 25 before it. */
  readonly attempts: readonly AttemptRecord[]
  /** The stored lines; empty in lists unless asked for. */
  readonly logLines: readonly LogLine[]
  /** Lines that the caps left out. */
  readonly logsDropped: number
  /** The stored lines as text: see {@link formatLogs}. */
  readonly logs: readonly string[]
  /** Plain data for an API: input and result are left out unless asked for. */
  toJSON(
    options?: { readonly input?: boolean; readonly result?: boolean } | string,
  ): Record<string, unknown>
}

/** Builds the view of `stored` with its log lines. */
export function taskRecord<Output = unknown>(
  stored: StoredRecord,
  logs: { readonly lines: readonly LogLine[]; readonly dropped: number } = {
    lines: [],
    dropped: 0,
  },
): TaskRecord<Output> {
  const { spec, state } = stored
  const record: Omit<TaskRecord<Output>, 'toJSON' | 'logs'> = {
    id: spec.id,
    name: spec.name,
    label: spec.label,
    status: state.status,
    input: parse(spec.inputJson),
    result: parse(state.resultJson) as Jsonify<Output> | undefined,
    resultError: state.resultError,
    error: state.error,
    reason: state.reason,
    tags: spec.tags,
    headers: spec.headers,
    attempt: attemptOf(state),
    maxAttempts: maxAttemptsOf(spec, state),
    retriesUsed: retriesUsedOf(state),
    recoveries: state.recoveries,
    createdAt: spec.createdAt,
    dueAt: state.dueAt,
    startedAt: state.startedAt,
    endedAt: state.endedAt,
    expiresAt: spec.expiresAt,
    waitMs: state.waitMs,
    durationMs: state.durationMs,
    totalMs: state.endedAt === undefined ? undefined : Math.max(0, state.endedAt - spec.createdAt),
    queue: spec.queue,
    priority: spec.priority,
    source: spec.source,
    parentId: spec.parentId,
    rootId: spec.rootId,
    retryOf: spec.retryOf,
    retriedBy: stored.retriedBy,
    idempotencyKey: spec.idempotencyKey,
    traceContext: spec.traceContext,
    traceId: traceIdOf(spec.traceContext),
    requestContext: spec.context,
    progress: stored.progress,
    hold: state.hold,
    cancelRequested: stored.cancelRequest !== undefined,
    localOptions: spec.localOptions ?? [],
    attempts: attemptsOf(state),
    logLines: logs.lines,
    logsDropped: logs.dropped,
  }
  return {
    ...record,
    get logs() {
      return formatLogs(record)
    },
    toJSON(options) {
      const { input, result, ...rest } = record
      const asked = typeof options === 'object' ? options : {}
      return {
        ...rest,
        logs: formatLogs(record),
        ...(asked.input === true ? { input } : undefined),
        ...(asked.result === true ? { result } : undefined),
      }
    },
  }
}

/** The latest attempt and those kept before it, oldest first. */
export function attemptsOf(state: TaskState): readonly AttemptRecord[] {
  const latest = latestAttempt(state)
  return latest === undefined ? [] : [...(state.history ?? []), latest]
}

// Stored by us, but a store can be edited from outside: an unreadable text is shown as absent, not thrown.
function parse(json: string | undefined): unknown {
  if (json === undefined) return undefined
  try {
    return JSON.parse(json) as unknown
  } catch {
    return undefined
  }
}
