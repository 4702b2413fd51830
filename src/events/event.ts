/**
 * Every event, as one union discriminated by `type`. Events are frozen, plain JSON data; instants are epoch
 * milliseconds, lengths are milliseconds. A new type may come in a minor release: keep a `default` branch.
 *
 * "After the record says so" is a promise: when such an event arrives, the store has what it says (to the degree
 * that the backend is durable). Logs and progress may run ahead of the store by one group commit.
 */

import type { AttemptNumbers } from '../task/attempt-summary.ts'
import type { InterruptReason } from '../task/errors.ts'
import type { Json } from '../task/json.ts'
import type { Level } from '../task/level.ts'
import type { FailureReason } from '../task/outcome.ts'
import type { ContextFields, TaskSource, TraceContext } from '../task/record.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import type { Status } from '../task/status.ts'
import type { Tags } from '../task/tags.ts'

/** What every event carries. A field that does not apply is absent or `undefined`; JSON leaves it out. */
export interface EventBase {
  readonly type: string
  readonly level: Level
  /** When it happened. */
  readonly time: number
  /** Grows with every event that this executor built; filtered events leave holes; no order across executors. */
  readonly seq: number
  readonly executorId: string
}

/** What every event about a task carries besides. */
export interface TaskEventBase extends EventBase {
  readonly taskId: string
  readonly taskName: string
  readonly label?: string | undefined
  /** Zero-based: starts of this record before the current or latest one. */
  readonly attempt: number
  readonly retriesUsed: number
  /** The record's status as this event leaves it. */
  readonly status: Status
  readonly tags: Tags
  readonly queue: string
  readonly parentId?: string | undefined
  readonly rootId: string
  readonly traceContext?: TraceContext | undefined
  /** The bound request and task fields. */
  readonly context?: ContextFields | undefined
}

/** Accepted, and due at once. After the record says so. */
export interface TaskEnqueued extends TaskEventBase {
  readonly type: 'task.enqueued'
  readonly level: 'debug'
  readonly runAt: number
  readonly priority: number
  readonly source: TaskSource
  readonly retryOf?: string | undefined
}

/** Accepted, and due later. After the record says so. */
export interface TaskScheduled extends TaskEventBase {
  readonly type: 'task.scheduled'
  readonly level: 'debug'
  readonly runAt: number
  readonly priority: number
  readonly source: TaskSource
  readonly retryOf?: string | undefined
}

/** An enqueue met its idempotency key; `taskId` is the existing task. Nothing was stored. */
export interface TaskDeduplicated extends TaskEventBase {
  readonly type: 'task.deduplicated'
  readonly level: 'debug'
  readonly idempotencyKey: string
}

/** An attempt begins. After the record says so, but for tasks with `requeueOnInterrupt`, before the body runs. */
export interface AttemptStarted extends TaskEventBase {
  readonly type: 'attempt.started'
  readonly level: 'info'
  /** From due (or requeued) to started. */
  readonly waitMs: number
  /** Absent when retries are unlimited. */
  readonly maxAttempts?: number | undefined
}

/** A line that the task wrote. Has the line's own level. */
export interface LogEvent extends TaskEventBase {
  readonly type: 'task.log'
  readonly message: string
  readonly extra?: Readonly<Record<string, Json>> | undefined
  /** When the extra was an error, or had one under `error` or `err`. */
  readonly error?: SerializedError | undefined
}

/** How far the task is; at most one a second per task, and one when `done` is `total`. */
export interface TaskProgress extends TaskEventBase {
  readonly type: 'task.progress'
  readonly level: 'debug'
  readonly done: number
  readonly total?: number | undefined
}

/** An attempt failed: `warning` when it will be retried, else `debug`, since `task.failed` follows. After the record says so. */
export interface AttemptFailed extends TaskEventBase {
  readonly type: 'attempt.failed'
  readonly level: 'warning' | 'debug'
  readonly error: SerializedError
  readonly reason: FailureReason
  readonly durationMs: number
  readonly retryAt?: number | undefined
  /** Absent when retries are unlimited. */
  readonly maxAttempts?: number | undefined
}

/**
 * All that is known of one attempt, when it is over: one for each whose outcome was stored, by the executor that stored
 * it, which is another when the attempt's own has died. After the record says so, before the events of that outcome.
 * Only who names it in `types`, or by `events.on`, is told.
 * Only for observers whose `types` name it, whatever their level, and for `events.on`.
 */
export interface AttemptSummaryEvent extends TaskEventBase, AttemptNumbers {
  readonly type: 'attempt.summary'
  readonly level: 'debug'
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'interrupted'
}

/** The next attempt has its time. After the record says so; follows `attempt.failed`. */
export interface TaskRetrying extends TaskEventBase {
  readonly type: 'task.retrying'
  readonly level: 'debug'
  readonly retryAt: number
  readonly delayMs: number
  /** Absent when retries are unlimited. */
  readonly maxAttempts?: number | undefined
}

/** Terminal. After the record says so. */
export interface TaskSucceeded extends TaskEventBase {
  readonly type: 'task.succeeded'
  readonly level: 'info'
  /** Of this attempt. */
  readonly durationMs: number
  /** From enqueue to end. */
  readonly totalMs: number
  /** Size of the stored result as JSON; 0 when there is none. */
  readonly resultBytes: number
  readonly resultError?: SerializedError | undefined
}

/** Terminal. After the record says so. */
export interface TaskFailed extends TaskEventBase {
  readonly type: 'task.failed'
  /** `info` when the definition expects this error. */
  readonly level: 'error' | 'info'
  readonly error: SerializedError
  readonly reason: FailureReason
  readonly durationMs: number
  readonly totalMs: number
  readonly expected?: true | undefined
}

/** Somebody asked for a cancel that is not carried out yet. */
export interface TaskCancelRequested extends TaskEventBase {
  readonly type: 'task.cancel_requested'
  readonly level: 'info'
  readonly reason?: string | undefined
  readonly by?: string | undefined
}

/** Terminal. After the record says so. */
export interface TaskCancelled extends TaskEventBase {
  readonly type: 'task.cancelled'
  readonly level: 'warning'
  readonly reason?: string | undefined
  readonly by?: string | undefined
  /** Absent when it never ran. */
  readonly durationMs?: number | undefined
  readonly totalMs: number
}

/** Terminal: an attempt was cut off and is not run again. After the record says so. */
export interface TaskInterrupted extends TaskEventBase {
  readonly type: 'task.interrupted'
  readonly level: 'warning'
  readonly reason: InterruptReason
  readonly durationMs?: number | undefined
  readonly totalMs: number
}

/** An attempt was cut off and the task waits to be run again. After the record says so. */
export interface TaskRequeued extends TaskEventBase {
  readonly type: 'task.requeued'
  readonly level: 'warning'
  readonly reason: InterruptReason
}

/** Terminal: not started before `expires`. After the record says so. */
export interface TaskExpired extends TaskEventBase {
  readonly type: 'task.expired'
  readonly level: 'warning'
  readonly expiredAt: number
  readonly totalMs: number
}

/**
 * The body of this attempt outlived its timeout or cancel. Said once, when it has settled or was abandoned: its slot is
 * free, and what an abandoned one does is not seen any more.
 */
export interface AttemptOverrun extends TaskEventBase {
  readonly type: 'attempt.overrun'
  readonly level: 'warning'
  readonly overrunMs: number
}

/** A late or stale outcome of this attempt was refused: the attempt was over, or the record belongs to another owner. */
export interface AttemptDiscarded extends TaskEventBase {
  readonly type: 'attempt.discarded'
  readonly level: 'warning'
  readonly reason: 'late' | 'stale'
}

/** A user's hook threw, rejected or hung. */
export interface HookError extends TaskEventBase {
  readonly type: 'hook.error'
  readonly level: 'warning'
  readonly hook: string
  readonly error: SerializedError
}

/** The executor is ready: its store is open, its observers have started. */
export interface ExecutorStarted extends EventBase {
  readonly type: 'executor.started'
  readonly level: 'info'
  readonly backend: string
  readonly engine: string
  /** Records taken over from executors that died, by what became of them. */
  readonly recovered: Readonly<Record<'claimed' | 'requeued' | 'interrupted' | 'failed', number>>
}

/** The last event. */
export interface ExecutorClosed extends EventBase {
  readonly type: 'executor.closed'
  readonly level: 'info'
  readonly durationMs: number
  /** Live records left for others, by status. */
  readonly left: Readonly<Partial<Record<Status, number>>>
}

/** An attempt that was running. */
export interface RunningTask {
  readonly taskId: string
  readonly taskName: string
  readonly attempt: number
}

/** Who took how much of a block: an attempt of this executor, or an observer. */
export interface LoopBlocker extends Partial<RunningTask> {
  /** Its name; the listeners of `executor.events` are together `events.on(type)`. */
  readonly observer?: string | undefined
  readonly blockedMs: number
}

/** The event loop stood still for more than 200 ms, busy with something. At most one a second: the longest. */
export interface ExecutorLoopBlocked extends EventBase {
  readonly type: 'executor.loop_blocked'
  readonly level: 'warning'
  readonly blockedMs: number
  /** Who was measured to have taken at least a tenth of it, at most five, the worst first; empty when it was none of them, or cannot be told. */
  readonly by: readonly LoopBlocker[]
  /** Attempts that were running when it was over, at most ten: to be among them is no accusation. */
  readonly running: readonly RunningTask[]
}

/** Unowned records wait whose task this executor does not have; they stay. */
export interface ExecutorUnknownTask extends EventBase {
  readonly type: 'executor.unknown_task'
  readonly level: 'warning'
  readonly name: string
  readonly count: number
}

/** Nothing of this queue starts until it is resumed. */
export interface QueuePaused extends EventBase {
  readonly type: 'queue.paused'
  readonly level: 'info'
  /** `*` for all queues of this executor. */
  readonly queue: string
  readonly by?: string | undefined
}

export interface QueueResumed extends EventBase {
  readonly type: 'queue.resumed'
  readonly level: 'info'
  /** `*` for all queues of this executor. */
  readonly queue: string
  readonly by?: string | undefined
}

/** An observer threw, rejected or hung; never sent to that observer. At most one a second each. */
export interface ObserverError extends EventBase {
  readonly type: 'observer.error'
  readonly level: 'warning'
  readonly observer: string
  readonly error: SerializedError
  /** Failures since the last report. */
  readonly count: number
}

/** An observer's buffer was full; never sent to that observer. At most one a second each. */
export interface ObserverDropped extends EventBase {
  readonly type: 'observer.dropped'
  readonly level: 'warning'
  readonly observer: string
  /** Events dropped since the last report. */
  readonly count: number
}

/** The store refused or did not answer; the executor tries again. At most one a second. */
export interface BackendErrorEvent extends EventBase {
  readonly type: 'backend.error'
  readonly level: 'warning'
  readonly operation: string
  readonly code: string
  readonly error: SerializedError
  /** Failures since the last report. */
  readonly count: number
}

export type TaskEvent =
  | TaskEnqueued
  | TaskScheduled
  | TaskDeduplicated
  | AttemptStarted
  | AttemptSummaryEvent
  | LogEvent
  | TaskProgress
  | AttemptFailed
  | TaskRetrying
  | TaskSucceeded
  | TaskFailed
  | TaskCancelRequested
  | TaskCancelled
  | TaskInterrupted
  | TaskRequeued
  | TaskExpired
  | AttemptOverrun
  | AttemptDiscarded
  | HookError

export type ExecutorEvent =
  | ExecutorStarted
  | ExecutorClosed
  | ExecutorLoopBlocked
  | ExecutorUnknownTask
  | QueuePaused
  | QueueResumed
  | ObserverError
  | ObserverDropped
  | BackendErrorEvent

export type PlainsightEvent = TaskEvent | ExecutorEvent

export type EventType = PlainsightEvent['type']

/** The event of one type. */
export type EventOf<Type extends EventType> = Extract<PlainsightEvent, { readonly type: Type }>

/** The lowest level that each type can have; `task.log` has its line's own. */
export const EVENT_LEVELS: Readonly<Record<EventType, Level>> = {
  'task.enqueued': 'debug',
  'task.scheduled': 'debug',
  'task.deduplicated': 'debug',
  'attempt.started': 'info',
  'task.log': 'debug',
  'task.progress': 'debug',
  'attempt.summary': 'debug',
  'attempt.failed': 'debug',
  'task.retrying': 'debug',
  'task.succeeded': 'info',
  'task.failed': 'info',
  'task.cancel_requested': 'info',
  'task.cancelled': 'warning',
  'task.interrupted': 'warning',
  'task.requeued': 'warning',
  'task.expired': 'warning',
  'attempt.overrun': 'warning',
  'attempt.discarded': 'warning',
  'hook.error': 'warning',
  'executor.started': 'info',
  'executor.closed': 'info',
  'executor.loop_blocked': 'warning',
  'executor.unknown_task': 'warning',
  'queue.paused': 'info',
  'queue.resumed': 'info',
  'observer.error': 'warning',
  'observer.dropped': 'warning',
  'backend.error': 'warning',
}
