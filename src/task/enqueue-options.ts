/** What a caller may say about one piece of work, and the handle that comes back. */

import type { Duration } from './duration.ts'
import type { Jsonify } from './json.ts'
import type { ExecutionOptions } from './options.ts'
import type { TraceContext } from './record.ts'
import type { TaskRecord } from './task-record.ts'

/** Options of one call; every execution option can be given, and wins over definition and defaults. */
export interface EnqueueOptions extends ExecutionOptions {
  /**
   * Makes the call idempotent for tasks of this name: while a live or succeeded task holds the key, its handle
   * comes back with `deduplicated: true`. At most 512 characters.
   */
  readonly idempotencyKey?: string | undefined
  /** How long the key is held; never shorter than the record is kept. */
  readonly idempotencyTtl?: Duration | undefined
  /** The record's own id, `/^[\w.:-]{1,128}$/`; one that exists is refused with `DuplicateTaskError`. */
  readonly id?: string | undefined
  /** Runs this much later. Not together with `runAt`. */
  readonly delay?: Duration | undefined
  /** Runs at this instant (a Date or epoch milliseconds); at once when it is past. */
  readonly runAt?: Date | number | undefined
  /** `null`: not a child of the running task. */
  readonly parent?: null | undefined
  /** What to do at `maxQueued`: reject with `QueueFullError` (default), or wait for room. */
  readonly onFull?: 'reject' | 'wait' | undefined
  /** Ends the waiting of `onFull: 'wait'`. */
  readonly signal?: AbortSignal | undefined
  /** How this call is tried again while the store is away; of several records of one call, the first that says so decides. Default: the executor's. */
  readonly enqueueRetry?: EnqueueRetry | false | undefined
  /** A propagation carrier to store instead of the one that observers make. */
  readonly traceContext?: TraceContext | undefined
}

/**
 * How an enqueue is tried again when the store rejects it or does not answer; `false` in its place: not at all. It is the
 * same record with the same id each time, so that it is never stored twice.
 */
export interface EnqueueRetry {
  /** Further tries. Default 3. */
  readonly retries?: number | undefined
  /** The wait before the first of them; each further one is twice as long. Default `'100ms'`. */
  readonly delay?: Duration | undefined
  /** The longest wait. Default `'400ms'`. */
  readonly max?: Duration | undefined
  /**
   * No try begins later than this after the first did. So an enqueue rejects after at most this and the time that the store
   * takes to answer or to give up: Redis 2 s, SQLite 5 s, any other 10 s. Default `'1s'`.
   */
  readonly within?: Duration | undefined
}

/** A task that was accepted. All of it works from anywhere: routes, scripts, other tasks. */
export interface TaskHandle<Output = unknown> {
  readonly id: string
  readonly taskName: string
  /** True when an idempotency key led to an existing task. */
  readonly deduplicated: boolean
  /**
   * Settles when the first attempt has begun, or when the task ends without one. Never rejects for the task's end.
   */
  readonly started: Promise<void>
  /**
   * The result, as JSON makes it.
   *
   * Lazy: unread, no promise exists. From another process it settles at most 1 s after the end.
   * @throws {TaskFailedError} TASK_FAILED; its `cause` is the original error where the task ran in this process
   * @throws {TaskCancelledError} TASK_CANCELLED
   * @throws {TaskInterruptedError} TASK_INTERRUPTED
   * @throws {TaskExpiredError} TASK_EXPIRED
   * @throws {ResultUnavailableError} RESULT_UNAVAILABLE when it was not kept, could not be stored, did not come
   *   within `timeout` (a Duration), or the record is gone
   */
  result(options?: {
    readonly signal?: AbortSignal | undefined
    readonly timeout?: Duration | undefined
  }): Promise<Jsonify<Output>>
  /** The record as it is now, with its logs; `undefined` once retention has removed it. */
  record(): Promise<TaskRecord<Output> | undefined>
  /** As `executor.cancel(id)`. */
  cancel(options?: CancelOptions): Promise<boolean>
  /** Tasks that this one enqueued, oldest first. */
  children(): Promise<TaskRecord[]>
}

export interface CancelOptions {
  /** Kept on the record and given to the body as `signal.reason.cancelReason`. */
  readonly reason?: string | undefined
  /** Who asks. */
  readonly by?: string | undefined
}
