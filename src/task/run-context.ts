/** A task that can run, and the context that its body is given and finds again with `getTaskContext()`. */

import type { EnqueueOptions, TaskHandle } from './enqueue-options.ts'
import type { ContextFields, TaskSource, TraceContext } from './record.ts'
import type { Headers, Tags } from './tags.ts'
import type { Level, LevelInput } from './level.ts'
import type { ExecutionOptions } from './options.ts'
import type { StandardSchema } from './standard-schema.ts'

/** The body of a task. It may be sync or async; its second argument says where it runs. */
export type RunFunction<Parsed, Output> = (
  input: Parsed,
  context: TaskContext,
) => Output | Promise<Output>

/**
 * A defined task. Enqueue it through an executor, or call `run` directly for a plain call: no record, no context
 * of its own, nothing validated.
 */
// `any`: a list of tasks holds tasks of every input and output.
// eslint-disable-next-line typescript/no-explicit-any
export interface Task<Input = any, Output = any> {
  readonly name: string
  readonly schema: StandardSchema | undefined
  readonly options: ExecutionOptions
  readonly concurrency: number | undefined
  /** The body as it was defined. */
  // eslint-disable-next-line typescript/no-explicit-any -- as for `run`
  readonly body: RunFunction<any, Output>
  /** A plain call of the body, here and now. */
  run(...rest: RunArguments<Input>): Output | Promise<Output>
  /** Types only: never set. */
  '~input'?(input: Input): void
}

/**
 * Writes log lines of the task that is running: to the record's stored logs and to the observers.
 *
 * Never throws, whatever it is given. `extra` is copied at once; an error may be the extra or a value in it.
 * Outside a task the line goes to the fallback logger.
 */
export interface TaskLogger {
  /** Level `info`. */
  (message: string, extra?: unknown): void
  debug(message: string, extra?: unknown): void
  info(message: string, extra?: unknown): void
  warning(message: string, extra?: unknown): void
  /** As `warning`. */
  warn(message: string, extra?: unknown): void
  error(message: string, extra?: unknown): void
  /** A level in a variable; one that does not exist is stored as `info`, marked with `unknownLevel`. */
  log(level: LevelInput | (string & {}), message: string, extra?: unknown): void
}

/** The task that is running: who it is, and what it can do. */
export interface TaskContext {
  readonly taskId: string
  readonly taskName: string
  readonly label: string | undefined
  readonly queue: string
  readonly priority: number
  readonly source: TaskSource
  /** Of a schedule: the slot it fired for, epoch milliseconds. */
  readonly slot: number | undefined
  readonly parentId: string | undefined
  readonly rootId: string
  /** Zero-based: the number of earlier starts of this record. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Earlier attempts that a crash or shutdown cut off. */
  readonly recoveries: number
  /** The record that this one is a retry by hand of. */
  readonly retryOf: string | undefined
  readonly tags: Tags
  readonly headers: Headers
  /**
   * Aborts for a cancel, a timeout, a shutdown or a lost lease. `signal.reason` is an error whose `reason` is
   * `cancel`, `timeout`, `soft_timeout`, `shutdown` or `lease_lost`.
   */
  readonly signal: AbortSignal
  readonly log: TaskLogger
  /** Says how far the task is. Persisted; observers hear of it at most once a second, and of its end (`done` is `total`) at once. */
  readonly progress: (done: number, total?: number) => void
  readonly traceContext: TraceContext | undefined
  /** Bound request and task fields. */
  readonly requestContext: ContextFields
  /** Enqueues a child: `parentId` and `rootId` are set, unless `parent: null` is given. */
  readonly enqueue: <Input, Output>(
    task: Task<Input, Output>,
    ...rest: InputArguments<NoInfer<Input>>
  ) => Promise<TaskHandle<Output>>
}

/** What follows the task in a call of enqueue: `undefined` may be left out. */
export type InputArguments<Input> = undefined extends Input
  ? [input?: Input, options?: EnqueueOptions]
  : [input: Input, options?: EnqueueOptions]

/** What a direct call takes: `undefined` may be left out. */
// `any`: with a schema it takes what the schema makes of the input, which this type does not know.
export type RunArguments<Input> = undefined extends Input
  ? [input?: any, context?: TaskContext] // eslint-disable-line typescript/no-explicit-any
  : [input: any, context?: TaskContext] // eslint-disable-line typescript/no-explicit-any

/** Where lines go that are written outside a task: any object with these methods, such as `console` or pino. */
export interface FallbackLogger {
  debug?(message: string, extra?: unknown): void
  info?(message: string, extra?: unknown): void
  warn?(message: string, extra?: unknown): void
  warning?(message: string, extra?: unknown): void
  error?(message: string, extra?: unknown): void
  /** Lines below this level are not passed on; default `debug` for a given logger, `info` for the built-in one. */
  readonly minLevel?: Level | undefined
}
