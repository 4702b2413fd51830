/** The executor as its users see it. */

import type { EventSource } from '../events/bus.ts'
import type { Observer } from '../observers/observer.ts'
import type { CancelOptions, EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import type { InputArguments, Task } from '../task/run-context.ts'
import type { Status } from '../task/status.ts'
import type { TaskRecord } from '../task/task-record.ts'
import type { RetryOptions } from './control.ts'
import type { DrainOptions } from './drain.ts'
import type { AttemptPage, AttemptQuery } from './list-attempts.ts'
import type { Observation } from './observer-host.ts'
import type { ListQuery, RecordPage } from './queries.ts'
import type { RetryFailedOptions } from './retry-failed.ts'
import type { CloseOptions } from './shutdown.ts'
import type { ExecutorStats } from './stats.ts'

/** One item of `enqueueMany`: a task with its input, or a name with any. */
export type EnqueueItem<Of extends Task | string = Task | string> = {
  readonly task: Of
  readonly options?: EnqueueOptions | undefined
} & ItemInput<Of>

type ItemInput<Of> =
  undefined extends InputOf<Of>
    ? { readonly input?: NoInfer<InputOf<Of>> }
    : { readonly input: NoInfer<InputOf<Of>> }

type InputOf<Of> = Of extends Task<infer Input> ? Input : unknown

type OutputOf<Of> = Of extends Task<never, infer Output> ? Output : unknown

/** Runs tasks, and answers for their records. */
export interface Executor {
  readonly id: string
  /**
   * Opens the store, starts the observers, takes over what dead executors left. `enqueue` calls it too. Idempotent.
   *
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store cannot be opened; it may be called again
   * @throws {ExecutorClosedError} EXECUTOR_CLOSED after `close`
   */
  start(): Promise<void>
  /**
   * Accepts one piece of work: resolves once its record is durable, before or while it runs.
   *
   * @throws {InputInvalidError} INPUT_INVALID when the schema refuses the input; nothing is stored in this and all cases below
   * @throws {NotSerializableError} NOT_SERIALIZABLE when JSON would change the input
   * @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong option
   * @throws {UnknownTaskError} UNKNOWN_TASK when the task is not registered here
   * @throws {DuplicateTaskError} DUPLICATE_TASK when `id` exists
   * @throws {IdempotencyMismatchError} IDEMPOTENCY_MISMATCH when the key belongs to another input
   * @throws {QueueFullError} QUEUE_FULL at `maxQueued`
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store is away; the record may exist, and then runs
   * @throws {ExecutorClosedError} EXECUTOR_CLOSED from `close` on; children of running tasks excepted while closing
   */
  // By name first: for a wrong input the compiler explains the last overload.
  enqueue(name: string, input?: unknown, options?: EnqueueOptions): Promise<TaskHandle>
  enqueue<Input, Output>(
    task: Task<Input, Output>,
    ...rest: InputArguments<NoInfer<Input>>
  ): Promise<TaskHandle<Output>>
  /** Accepts several, in one transaction: all or none. Answers in order. Throws as `enqueue`. */
  enqueueMany<Tasks extends readonly (Task | string)[]>(items: {
    readonly [Index in keyof Tasks]: EnqueueItem<Tasks[Index]>
  }): Promise<{ -readonly [Index in keyof Tasks]: TaskHandle<OutputOf<Tasks[Index]>> }>
  /** The record of this id with its logs; `undefined` when there is none. */
  get(id: string): Promise<TaskRecord | undefined>
  /** A page of records, newest first. */
  list(query?: ListQuery): Promise<RecordPage>
  /**
   * A page of attempts, of the newest records first: how each ended, how long it waited and ran, and what it wrote.
   *
   * @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong filter
   */
  listAttempts(query?: AttemptQuery): Promise<AttemptPage>
  /** How many records the store has in each status. */
  counts(): Promise<Readonly<Record<Status, number>>>
  /**
   * Numbers of this executor at this moment: what it runs and holds, per queue and task, what it has done since it was made,
   * how long its store takes, and whether it is ready. Asks no store; goes through the tasks in memory.
   */
  stats(): ExecutorStats
  /**
   * Cancels a task: one that waits never runs; a running one is told by `signal`, and is cancelled unless its
   * body still resolves within 5 s. Answers true when it is cancelled or was asked to; false when it has ended otherwise
   * or does not exist. Idempotent.
   */
  cancel(id: string, options?: CancelOptions): Promise<boolean>
  /**
   * Enqueues an ended task's work again, as a new record with `retryOf`.
   *
   * @throws {ResultUnavailableError} RESULT_UNAVAILABLE when there is no such record
   * @throws {DuplicateTaskError} DUPLICATE_TASK when it was retried already and `force` is not given
   */
  retry(id: string, options?: RetryOptions): Promise<TaskHandle>
  /** Retries failed tasks that were not retried yet, oldest first; never the same failure twice. */
  retryFailed(options?: RetryFailedOptions): Promise<TaskHandle[]>
  /** Adds a task while running. */
  register(task: Task): void
  /** Starts nothing more until `resume`; running tasks go on, and work is still accepted. */
  pause(): void
  resume(): void
  /** Slots from now on; running attempts go on. */
  setConcurrency(concurrency: number): void
  /** Attaches an observer while running; call the answer to detach, flush and close it. */
  observe(observer: Observer): Observation
  /** Subscriptions by event name. */
  readonly events: EventSource
  /** Settles when nothing is pending, running or retrying here. Tasks scheduled for later are not waited for. */
  drain(options?: DrainOptions): Promise<void>
  /**
   * Closes: stops starting, waits for running tasks, aborts and settles the rest, gives up what waits, closes
   * observers and store. Settles within max(grace, shieldGrace) + 3 s, and never rejects but for a wrong `grace`. Idempotent.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
