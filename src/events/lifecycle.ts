/** Builds the events, with the level of each type in one place. Frozen, so that no observer can change what others see. */

import { attemptNumbers } from '../task/attempt-summary.ts'
import type { InterruptReason } from '../task/errors.ts'
import { byteLength, type Json } from '../task/json.ts'
import type { Level } from '../task/level.ts'
import type { FailureReason } from '../task/outcome.ts'
import {
  attemptOf,
  latestAttempt,
  maxAttemptsOf,
  retriesUsedOf,
  type ContextFields,
  type Progress,
  type TaskSpec,
  type TaskState,
} from '../task/record.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import type * as event from './event.ts'

/** Who builds events: gives each its `seq`. */
export interface EventOrigin {
  readonly executorId: string
  seq: number
}

/** What an event needs of its task. */
export interface EventTask {
  readonly spec: TaskSpec
  readonly state: TaskState
  /** The bound fields as they are now. */
  readonly fields: ContextFields | undefined
}

// The first fields of every task event. The events that every task has write them out: from here they would be made twice.
function base<Type extends event.TaskEvent['type'], L extends Level>(
  origin: EventOrigin,
  task: EventTask,
  type: Type,
  level: L,
  time: number,
): event.TaskEventBase & { readonly type: Type; readonly level: L } {
  const { spec, state } = task
  origin.seq += 1
  return {
    type,
    level,
    time,
    seq: origin.seq,
    executorId: origin.executorId,
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    attempt: attemptOf(state),
    retriesUsed: retriesUsedOf(state),
    status: state.status,
    tags: spec.tags,
    queue: spec.queue,
    parentId: spec.parentId,
    rootId: spec.rootId,
    traceContext: spec.traceContext,
    context: task.fields,
  }
}

/** `task.enqueued`, or `task.scheduled` when it is due later. */
export function accepted(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.TaskEnqueued | event.TaskScheduled {
  const { spec, state } = task
  // A record that found a free slot is inserted as running; this event is about what came before that.
  const scheduled = state.status === 'scheduled'
  origin.seq += 1
  return Object.freeze({
    type: scheduled ? ('task.scheduled' as const) : ('task.enqueued' as const),
    level: 'debug',
    time,
    seq: origin.seq,
    executorId: origin.executorId,
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    attempt: attemptOf(state),
    retriesUsed: retriesUsedOf(state),
    status: scheduled ? ('scheduled' as const) : ('pending' as const),
    tags: spec.tags,
    queue: spec.queue,
    parentId: spec.parentId,
    rootId: spec.rootId,
    traceContext: spec.traceContext,
    context: task.fields,
    runAt: state.dueAt,
    priority: spec.priority,
    source: spec.source,
    retryOf: spec.retryOf,
  })
}

export function deduplicated(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  idempotencyKey: string,
): event.TaskDeduplicated {
  const first = base(origin, task, 'task.deduplicated', 'debug', time)
  return Object.freeze({ ...first, idempotencyKey })
}

export function attemptStarted(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.AttemptStarted {
  const { spec, state } = task
  origin.seq += 1
  return Object.freeze({
    type: 'attempt.started',
    level: 'info',
    time,
    seq: origin.seq,
    executorId: origin.executorId,
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    attempt: attemptOf(state),
    retriesUsed: retriesUsedOf(state),
    status: state.status,
    tags: spec.tags,
    queue: spec.queue,
    parentId: spec.parentId,
    rootId: spec.rootId,
    traceContext: spec.traceContext,
    context: task.fields,
    waitMs: state.waitMs ?? 0,
    maxAttempts: maxAttempts(task),
  })
}

export function taskLogged(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  level: Level,
  message: string,
  extra: Readonly<Record<string, Json>> | undefined,
  error: SerializedError | undefined,
): event.LogEvent {
  const { spec, state } = task
  origin.seq += 1
  return Object.freeze({
    type: 'task.log',
    level,
    time,
    seq: origin.seq,
    executorId: origin.executorId,
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    attempt: attemptOf(state),
    retriesUsed: retriesUsedOf(state),
    status: state.status,
    tags: spec.tags,
    queue: spec.queue,
    parentId: spec.parentId,
    rootId: spec.rootId,
    traceContext: spec.traceContext,
    context: task.fields,
    message,
    extra,
    error,
  })
}

export function taskProgressed(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  progress: Progress,
): event.TaskProgress {
  return Object.freeze({
    ...base(origin, task, 'task.progress', 'debug', time),
    done: progress.done,
    total: progress.total,
  })
}

export function attemptFailed(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  failure: {
    readonly error: SerializedError
    readonly reason: FailureReason
    readonly durationMs: number
  },
): event.AttemptFailed {
  const retried = task.state.status === 'retrying'
  return Object.freeze({
    ...base(origin, task, 'attempt.failed', retried ? 'warning' : 'debug', time),
    error: failure.error,
    reason: failure.reason,
    durationMs: failure.durationMs,
    retryAt: retried ? task.state.dueAt : undefined,
    maxAttempts: maxAttempts(task),
  })
}

/** Of the attempt that has just ended. */
export function attemptSummary(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.AttemptSummaryEvent | undefined {
  const { spec, state } = task
  const latest = latestAttempt(state)
  if (latest === undefined || latest.outcome === 'running') return undefined
  return Object.freeze({
    ...base(origin, task, 'attempt.summary', 'debug', time),
    ...attemptNumbers(spec, state, latest),
    outcome: latest.outcome,
  })
}

export function taskRetrying(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.TaskRetrying {
  const retryAt = task.state.dueAt
  return Object.freeze({
    ...base(origin, task, 'task.retrying', 'debug', time),
    retryAt,
    delayMs: Math.max(0, retryAt - time),
    maxAttempts: maxAttempts(task),
  })
}

export function taskSucceeded(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.TaskSucceeded {
  const { spec, state } = task
  origin.seq += 1
  return Object.freeze({
    type: 'task.succeeded',
    level: 'info',
    time,
    seq: origin.seq,
    executorId: origin.executorId,
    taskId: spec.id,
    taskName: spec.name,
    label: spec.label,
    attempt: attemptOf(state),
    retriesUsed: retriesUsedOf(state),
    status: state.status,
    tags: spec.tags,
    queue: spec.queue,
    parentId: spec.parentId,
    rootId: spec.rootId,
    traceContext: spec.traceContext,
    context: task.fields,
    durationMs: state.durationMs ?? 0,
    totalMs: totalOf(task),
    resultBytes: state.resultJson === undefined ? 0 : byteLength(state.resultJson),
    resultError: state.resultError,
  })
}

export function taskFailed(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  error: SerializedError,
  expected: boolean,
): event.TaskFailed {
  return Object.freeze({
    ...base(origin, task, 'task.failed', expected ? 'info' : 'error', time),
    error,
    reason: task.state.reason as FailureReason,
    durationMs: task.state.durationMs ?? 0,
    totalMs: totalOf(task),
    expected: expected ? true : undefined,
  })
}

export function cancelRequested(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  request: { readonly reason?: string | undefined; readonly by?: string | undefined },
): event.TaskCancelRequested {
  const { reason, by } = request
  return Object.freeze({ ...base(origin, task, 'task.cancel_requested', 'info', time), reason, by })
}

export function taskCancelled(
  origin: EventOrigin,
  task: EventTask,
  time: number,
): event.TaskCancelled {
  const { state } = task
  return Object.freeze({
    ...base(origin, task, 'task.cancelled', 'warning', time),
    reason: state.reason,
    by: state.cancelledBy,
    durationMs: state.starts === 0 ? undefined : state.durationMs,
    totalMs: totalOf(task),
  })
}

export function taskInterrupted(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  reason: InterruptReason,
): event.TaskInterrupted {
  const { state } = task
  return Object.freeze({
    ...base(origin, task, 'task.interrupted', 'warning', time),
    reason,
    durationMs: state.starts === 0 ? undefined : state.durationMs,
    totalMs: totalOf(task),
  })
}

export function taskRequeued(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  reason: InterruptReason,
): event.TaskRequeued {
  return Object.freeze({ ...base(origin, task, 'task.requeued', 'warning', time), reason })
}

export function taskExpired(origin: EventOrigin, task: EventTask, time: number): event.TaskExpired {
  const expiredAt = task.spec.expiresAt ?? time
  return Object.freeze({
    ...base(origin, task, 'task.expired', 'warning', time),
    expiredAt,
    totalMs: totalOf(task),
  })
}

/** @param attemptState - as the attempt began: the record may be in a later attempt by now */
export function attemptOverrun(
  origin: EventOrigin,
  task: EventTask,
  attemptState: TaskState,
  time: number,
  overrunMs: number,
): event.AttemptOverrun {
  return Object.freeze({
    ...base(origin, task, 'attempt.overrun', 'warning', time),
    ...numbersOf(attemptState),
    overrunMs,
  })
}

/** @param attemptState - as the attempt began: the record may be in a later attempt by now */
export function attemptDiscarded(
  origin: EventOrigin,
  task: EventTask,
  attemptState: TaskState,
  time: number,
  reason: 'late' | 'stale',
): event.AttemptDiscarded {
  return Object.freeze({
    ...base(origin, task, 'attempt.discarded', 'warning', time),
    ...numbersOf(attemptState),
    reason,
  })
}

function numbersOf(state: TaskState): Pick<event.TaskEventBase, 'attempt' | 'retriesUsed'> {
  return { attempt: attemptOf(state), retriesUsed: retriesUsedOf(state) }
}

export function hookError(
  origin: EventOrigin,
  task: EventTask,
  time: number,
  hook: string,
  error: SerializedError,
): event.HookError {
  return Object.freeze({ ...base(origin, task, 'hook.error', 'warning', time), hook, error })
}

// Infinity is no JSON: unlimited is said by leaving it out.
function maxAttempts(task: EventTask): number | undefined {
  const max = maxAttemptsOf(task.spec, task.state)
  return max === Infinity ? undefined : max
}

function totalOf(task: EventTask): number {
  return Math.max(0, (task.state.endedAt ?? task.spec.createdAt) - task.spec.createdAt)
}
