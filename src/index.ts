/**
 * Plainsight: background tasks in plain sight.
 *
 * @module
 */

import { memoryBackend } from './backends/memory.ts'
import { localEngine } from './engines/local/engine.ts'
import type { Executor } from './executor/api.ts'
import { assembleExecutor } from './executor/executor.ts'
import type { ExecutorOptions } from './executor/options.ts'
import { reading } from './task/reading.ts'

/**
 * Makes an executor: it accepts tasks, runs them, keeps their records and publishes what happens.
 *
 * It opens its store and starts with `start()` or the first `enqueue`.
 * @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong
 * @throws {DuplicateTaskError} DUPLICATE_TASK when two tasks have one name
 * @example
 * const executor = createExecutor({ tasks: [chargeCard], observers: [consoleObserver()] })
 */
export function createExecutor(options: ExecutorOptions = {}): Executor {
  const parts = { backend: memoryBackend, engine: localEngine }
  return reading('options', 'createExecutor: ', () => assembleExecutor(options, parts))
}

export { memoryBackend } from './backends/memory.ts'
export { bindContext, withContext } from './context/bound-context.ts'
export { getTaskContext, requireTaskContext } from './context/current.ts'
export { defineTask } from './context/define-task.ts'
export { setFallbackLogger } from './context/fallback-logger.ts'
export { taskFields } from './context/task-fields.ts'
export { taskLog } from './context/task-log.ts'
export { bufferedObserver } from './observers/buffer.ts'
export { flightRecorder } from './observers/flight-recorder.ts'
export { memoryObserver } from './observers/memory.ts'
export {
  BackendUnavailableError,
  DuplicateTaskError,
  ExecutorClosedError,
  IdempotencyMismatchError,
  InputInvalidError,
  InvalidOptionsError,
  NotSerializableError,
  PlainsightError,
  QueueFullError,
  ResultUnavailableError,
  RetryAfterError,
  TaskCancelledError,
  TaskExpiredError,
  TaskFailedError,
  TaskInterruptedError,
  TaskTimeoutError,
  UnknownTaskError,
  UnrecoverableError,
  WaitTimeoutError,
} from './task/errors.ts'
export { formatLogs } from './task/format-logs.ts'
export { mergeOptions } from './task/options.ts'
export { STATUSES, TRANSITIONS, isTerminal } from './task/status.ts'
export { transition } from './task/transition.ts'

// Types of the public surface: everything a user may have to name.
export type {
  Backend,
  BackendCapabilities,
  BeatResult,
  CancelResult,
  ClaimQuery,
  InsertResult,
  LogPatch,
  NewRecord,
  Owner,
  PendingCancel,
  RecordKey,
  RecordQueries,
  RecordQuery,
  Retention,
  StatePatch,
  StoredLogs,
  WriteResult,
} from './backends/backend.ts'
export type { TaskFields } from './context/task-fields.ts'
export type { MemoryBackendOptions } from './backends/memory.ts'
export type { Engine, EngineHost, EngineItem, EngineStats } from './engines/engine.ts'
export type { EventSource } from './events/bus.ts'
export type {
  AttemptDiscarded,
  AttemptFailed,
  AttemptOverrun,
  AttemptStarted,
  AttemptSummaryEvent,
  BackendErrorEvent,
  EventBase,
  EventOf,
  EventType,
  ExecutorClosed,
  ExecutorEvent,
  ExecutorLoopBlocked,
  ExecutorStarted,
  ExecutorUnknownTask,
  HookError,
  LogEvent,
  LoopBlocker,
  ObserverDropped,
  ObserverError,
  PlainsightEvent,
  QueuePaused,
  QueueResumed,
  RunningTask,
  TaskCancelled,
  TaskCancelRequested,
  TaskDeduplicated,
  TaskEnqueued,
  TaskEvent,
  TaskEventBase,
  TaskExpired,
  TaskFailed,
  TaskInterrupted,
  TaskProgress,
  TaskRequeued,
  TaskRetrying,
  TaskScheduled,
  TaskSucceeded,
} from './events/event.ts'
export type { RetryOptions } from './executor/control.ts'
export type { DrainOptions } from './executor/drain.ts'
export type { EnqueueItem, Executor } from './executor/api.ts'
export type { ObserverStats } from './executor/attached-observer.ts'
export type { Observation } from './executor/observer-host.ts'
export type { LatencyStats } from './executor/latency.ts'
export type { AttemptPage, AttemptQuery } from './executor/list-attempts.ts'
export type { ExecutorOptions, LogStoreOptions } from './executor/options.ts'
export type { ListQuery, RecordPage } from './executor/queries.ts'
export type { RetentionOptions, RetentionRule } from './executor/retention.ts'
export type { RetryFailedOptions } from './executor/retry-failed.ts'
export type { CloseOptions } from './executor/shutdown.ts'
export type { ExecutorLatency, ExecutorStats, GroupStats, WorkNow } from './executor/stats.ts'
export type { WorkTotals } from './executor/tally.ts'
export type {
  BufferedObserver,
  BufferedObserverOptions,
  DeliveryRetry,
} from './observers/buffer.ts'
export type { Delivery } from './observers/event-buffer.ts'
export type { FlightRecorder, FlightRecorderOptions } from './observers/flight-recorder.ts'
export type { MemoryObserver } from './observers/memory.ts'
export type {
  EnqueueOperation,
  InternalOperation,
  MinLevel,
  Observer,
  ObserverCounts,
  ObserverHooks,
  RunOperation,
  RunResult,
  TaskActivity,
  TaskDraft,
} from './observers/observer.ts'
export type { AttemptNumbers, AttemptSummary, ErrorSummary } from './task/attempt-summary.ts'
export type { Clock, Timer } from './task/clock.ts'
export type { DefinitionOptions, SchemaTaskDefinition, TaskDefinition } from './task/definition.ts'
export type { Duration } from './task/duration.ts'
export type {
  CancelOptions,
  EnqueueOptions,
  EnqueueRetry,
  TaskHandle,
} from './task/enqueue-options.ts'
export type { BackendErrorReason, ErrorCode, InputIssue, InterruptReason } from './task/errors.ts'
export type { HookTask, TaskErrorHook, TaskHook, TaskHooks } from './task/hooks.ts'
export type { Json, Jsonify } from './task/json.ts'
export type { Level, LevelInput } from './task/level.ts'
export type {
  BackoffFunction,
  BackoffOptions,
  ErrorClass,
  ExecutionOptions,
  Propagation,
  RetryFacts,
} from './task/options.ts'
export type { FailureReason, Outcome } from './task/outcome.ts'
export type {
  AttemptFacts,
  AttemptRecord,
  CancelRequest,
  ContextFields,
  Hold,
  LogCounts,
  LogLine,
  Progress,
  StoredRecord,
  TaskSource,
  TaskSpec,
  TaskState,
  TraceContext,
} from './task/record.ts'
export type {
  FallbackLogger,
  RunFunction,
  Task,
  TaskContext,
  TaskLogger,
} from './task/run-context.ts'
export type { SerializedError } from './task/serialized-error.ts'
export type { InputOf, ParsedOf, StandardSchema } from './task/standard-schema.ts'
export type { OutcomeType, Status, TerminalStatus } from './task/status.ts'
export type { Headers, Tags } from './task/tags.ts'
export type { TaskRecord } from './task/task-record.ts'
