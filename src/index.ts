/**
 * Plainsight: background tasks in plain sight.
 *
 * @module
 */

import { memoryBackend } from './backends/memory.ts'
import { localEngine } from './engines/local/engine.ts'
import { assembleExecutor, type Executor } from './executor/executor.ts'
import type { ExecutorOptions } from './executor/options.ts'

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
  return assembleExecutor(options, { backend: memoryBackend, engine: localEngine })
}

export { memoryBackend } from './backends/memory.ts'
export { bindContext, withContext } from './context/bound-context.ts'
export { getTaskContext, requireTaskContext } from './context/current.ts'
export { defineTask } from './context/define-task.ts'
export { setFallbackLogger } from './context/fallback-logger.ts'
export { taskLog } from './context/task-log.ts'
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
} from './task/errors.ts'
export { formatLogs } from './task/format-logs.ts'
export { mergeOptions } from './task/options.ts'
export { STATUSES, TRANSITIONS, isTerminal } from './task/status.ts'
export { transition } from './task/transition.ts'
