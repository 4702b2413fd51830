/** Every error the library throws or rejects with: a class, a stable `code`, and the facts as fields. */

import { describeValue } from './describe.ts'

/** The stable codes, one per class. */
export type ErrorCode =
  | 'INVALID_OPTIONS'
  | 'INPUT_INVALID'
  | 'NOT_SERIALIZABLE'
  | 'UNKNOWN_TASK'
  | 'DUPLICATE_TASK'
  | 'QUEUE_FULL'
  | 'BACKEND_UNAVAILABLE'
  | 'IDEMPOTENCY_MISMATCH'
  | 'TASK_TIMEOUT'
  | 'TASK_FAILED'
  | 'TASK_CANCELLED'
  | 'TASK_INTERRUPTED'
  | 'TASK_EXPIRED'
  | 'RESULT_UNAVAILABLE'
  | 'EXECUTOR_CLOSED'
  | 'UNRECOVERABLE'
  | 'RETRY_AFTER'
  | 'WAIT_TIMEOUT'

/** The parent of every error class of this library. Match on `code`: it survives two copies of the package. */
export class PlainsightError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** An option has a value that it cannot have. Nothing was changed. */
export class InvalidOptionsError extends PlainsightError {
  /** The option's path, such as `retries` or `backoff.delay`. */
  readonly option: string
  readonly expected: string
  /** A short description of what was given; never the whole value, nor what is known as a secret. */
  readonly got: string

  constructor(option: string, expected: string, value: unknown, where = '') {
    const isSecret = typeof value === 'string' && /pass|secret|token/i.test(option)
    const got = isSecret ? 'a string' : describeValue(value)
    super('INVALID_OPTIONS', `${where}option "${option}" must be ${expected}; got ${got}`)
    this.option = option
    this.expected = expected
    this.got = got
  }
}

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where in the input: `amount`, `items[2].price`; empty for the input itself. */
  readonly path: string
  readonly message: string
  readonly expected?: string
  readonly got?: string
}

/** The input does not satisfy the task's schema. Nothing was stored. */
export class InputInvalidError extends PlainsightError {
  readonly taskName: string
  readonly issues: readonly InputIssue[]
  /** The first issue's path, expectation and finding. */
  readonly path: string
  readonly expected: string | undefined
  readonly got: string | undefined

  constructor(taskName: string, issues: readonly InputIssue[]) {
    const first = issues[0] ?? { path: '', message: 'invalid input' }
    const at = first.path === '' ? '' : ` at "${first.path}"`
    const why =
      first.expected === undefined
        ? first.message
        : `expected ${first.expected}, got ${first.got ?? 'something else'}`
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : ''
    super('INPUT_INVALID', `task "${taskName}": input is invalid${at}: ${why}${more}`)
    this.taskName = taskName
    this.issues = issues
    this.path = first.path
    this.expected = first.expected
    this.got = first.got
  }
}

/** A value cannot be stored as JSON without being changed. Nothing was stored. */
export class NotSerializableError extends PlainsightError {
  /** Where in the value: `order.placedAt`, `items[2]`; empty for the value itself. */
  readonly path: string
  readonly expected: string
  readonly got: string

  constructor(what: string, path: string, got: string, advice: string) {
    const at = path === '' ? '' : ` at "${path}"`
    super('NOT_SERIALIZABLE', `${what} cannot be stored as JSON${at}: got ${got}; ${advice}`)
    this.path = path
    this.expected = 'a value that JSON keeps unchanged'
    this.got = got
  }
}

/** No task of that name, or not that definition, is registered in this executor. */
export class UnknownTaskError extends PlainsightError {
  readonly taskName: string

  constructor(taskName: string, message: string) {
    super('UNKNOWN_TASK', message)
    this.taskName = taskName
  }
}

/** Two tasks share a name in one executor, or two records an id. The first one stays as it was. */
export class DuplicateTaskError extends PlainsightError {
  readonly taskName: string
  readonly taskId: string | undefined

  constructor(taskName: string, message: string, taskId?: string) {
    super('DUPLICATE_TASK', message)
    this.taskName = taskName
    this.taskId = taskId
  }
}

/** The queue holds as much as it may. Nothing was stored. */
export class QueueFullError extends PlainsightError {
  readonly queue: string
  readonly limit: number

  constructor(queue: string, limit: number) {
    super(
      'QUEUE_FULL',
      `queue "${queue}" is full: ${limit} tasks wait already; enqueue later, raise maxQueued, or pass onFull: 'wait'`,
    )
    this.queue = queue
    this.limit = limit
  }
}

/** Why a store could not do its work. */
export type BackendErrorReason =
  | 'cannot_open'
  | 'not_a_database'
  | 'foreign_database'
  | 'newer_schema'
  | 'corrupt'
  | 'busy'
  | 'full'
  | 'read_only'
  | 'io'
  | 'timeout'
  | 'closed'
  | 'lease_lost'
  | 'file_lost'
  | 'unreachable'
  | 'access_denied'
  | 'wrong_type'
  | 'not_durable'
  | 'evicting'
  | 'unknown'

/** The store could not be reached or refused to work. The operation may be tried again. */
export class BackendUnavailableError extends PlainsightError {
  readonly backend: string
  readonly operation: string
  readonly reason: BackendErrorReason

  constructor(
    backend: string,
    operation: string,
    reason: BackendErrorReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super('BACKEND_UNAVAILABLE', `${backend} backend, ${operation}: ${message}`, options)
    this.backend = backend
    this.operation = operation
    this.reason = reason
  }
}

/** An idempotency key is in use for another input. The first task is untouched. */
export class IdempotencyMismatchError extends PlainsightError {
  readonly taskName: string
  readonly idempotencyKey: string
  /** The task that holds the key. */
  readonly taskId: string

  constructor(taskName: string, idempotencyKey: string, taskId: string) {
    super(
      'IDEMPOTENCY_MISMATCH',
      `task "${taskName}": idempotency key ${JSON.stringify(idempotencyKey.slice(0, 60))} belongs to task ${taskId}, which has another input; use another key or the same input`,
    )
    this.taskName = taskName
    this.idempotencyKey = idempotencyKey
    this.taskId = taskId
  }
}

/** An attempt was still running at its deadline. `signal.reason` of that attempt, and its error. */
export class TaskTimeoutError extends PlainsightError {
  readonly taskName: string
  readonly timeoutMs: number
  /** `soft_timeout`: the body was asked to stop; `timeout`: the attempt ended. */
  readonly reason: 'timeout' | 'soft_timeout'

  constructor(taskName: string, timeoutMs: number, reason: 'timeout' | 'soft_timeout' = 'timeout') {
    const what = reason === 'timeout' ? 'timed out' : 'reached its soft timeout'
    super('TASK_TIMEOUT', `task "${taskName}" ${what} after ${timeoutMs} ms`)
    this.taskName = taskName
    this.timeoutMs = timeoutMs
    this.reason = reason
  }
}

/** A task ended `failed`. `cause` is the original error in the process that ran it, elsewhere plain data. */
export class TaskFailedError extends PlainsightError {
  readonly taskId: string
  readonly taskName: string
  /** As on `task.failed`: `error`, `timeout`, `unrecoverable`, `crash_loop`, `invalid_input`, `corrupt`. */
  readonly reason: string

  constructor(
    taskId: string,
    taskName: string,
    reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super('TASK_FAILED', `task "${taskName}" (${taskId}) failed: ${message}`, options)
    this.taskId = taskId
    this.taskName = taskName
    this.reason = reason
  }
}

/** A task was cancelled. Also `signal.reason` of a running attempt that is being cancelled. */
export class TaskCancelledError extends PlainsightError {
  readonly taskId: string
  readonly taskName: string
  readonly reason: 'cancel'
  /** What the caller of `cancel` gave as the reason. */
  readonly cancelReason: string | undefined

  constructor(taskId: string, taskName: string, cancelReason?: string) {
    const why = cancelReason === undefined ? '' : `: ${cancelReason}`
    super('TASK_CANCELLED', `task "${taskName}" (${taskId}) was cancelled${why}`)
    this.taskId = taskId
    this.taskName = taskName
    this.reason = 'cancel'
    this.cancelReason = cancelReason
  }
}

/** Why a running attempt lost its executor. */
export type InterruptReason = 'shutdown' | 'crash' | 'lease_lost'

/** A task was interrupted and is not run again. Also `signal.reason` at shutdown and on a lost lease. */
export class TaskInterruptedError extends PlainsightError {
  readonly taskId: string
  readonly taskName: string
  readonly reason: InterruptReason

  constructor(taskId: string, taskName: string, reason: InterruptReason) {
    super('TASK_INTERRUPTED', `task "${taskName}" (${taskId}) was interrupted: ${reason}`)
    this.taskId = taskId
    this.taskName = taskName
    this.reason = reason
  }
}

/** A task was not started before its `expires`. */
export class TaskExpiredError extends PlainsightError {
  readonly taskId: string
  readonly taskName: string
  /** Epoch milliseconds. */
  readonly expiredAt: number

  constructor(taskId: string, taskName: string, expiredAt: number) {
    super(
      'TASK_EXPIRED',
      `task "${taskName}" (${taskId}) expired at ${isoOf(expiredAt)} before it could start`,
    )
    this.taskId = taskId
    this.taskName = taskName
    this.expiredAt = expiredAt
  }
}

/** The task succeeded, or its end is unknown, and there is no result to give. `taskId` still names it. */
export class ResultUnavailableError extends PlainsightError {
  readonly taskId: string

  constructor(taskId: string, why: string, options?: ErrorOptions) {
    super('RESULT_UNAVAILABLE', `the result of task ${taskId} is not available: ${why}`, options)
    this.taskId = taskId
  }
}

/** The executor is closing or closed and takes no new work. Nothing was stored. */
export class ExecutorClosedError extends PlainsightError {
  constructor(operation: string) {
    super('EXECUTOR_CLOSED', `${operation}: this executor is closed; create a new one`)
  }
}

/** Throw it from a task's body to fail at once, whatever retries are left. */
export class UnrecoverableError extends PlainsightError {
  constructor(message: string, options?: ErrorOptions) {
    super('UNRECOVERABLE', message, options)
  }
}

/** Throw it from a task's body to be retried after `delay` instead of after the backoff. It uses up a retry. */
export class RetryAfterError extends PlainsightError {
  /** A `Duration`: milliseconds, or a string such as `'30s'`. */
  readonly delay: number | string

  constructor(delay: number | string, message?: string, options?: ErrorOptions) {
    super('RETRY_AFTER', message ?? `retry after ${describeValue(delay)}`, options)
    this.delay = delay
  }
}

/** What was waited for did not come in time; `message` says what came instead. */
export class WaitTimeoutError extends PlainsightError {
  /** How long the wait was, in milliseconds. */
  readonly timeoutMs: number

  constructor(message: string, timeoutMs: number, options?: ErrorOptions) {
    super('WAIT_TIMEOUT', message, options)
    this.timeoutMs = timeoutMs
  }
}

function isoOf(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString()
}
