/** Builds the context that a task's body is given. */

import type { EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import {
  attemptOf,
  maxAttemptsOf,
  type ContextFields,
  type TaskSource,
  type TaskSpec,
  type TaskState,
  type TraceContext,
} from '../task/record.ts'
import type { Task, TaskContext, TaskLogger } from '../task/run-context.ts'
import type { Headers, Tags } from '../task/tags.ts'
import type { ActiveAttempt, Scope } from './scope.ts'
import { createTaskLogger } from './task-log.ts'

/** The attempt behind a context. */
export interface AttemptBackground extends ActiveAttempt, Scope {
  readonly spec: TaskSpec
  /** As the attempt began. */
  readonly state: TaskState
  readonly attempt: ActiveAttempt
  /** Made when first asked for. */
  abortSignal(): AbortSignal
  reportProgress(done: number, total: number | undefined): void
  enqueueChild(task: Task, input: unknown, options: EnqueueOptions | undefined): Promise<TaskHandle>
}

export function attemptContext(background: AttemptBackground): TaskContext {
  return new AttemptContext(background)
}

// A class, although it is no error: one is made per attempt, and getters on a prototype cost nothing to make.
class AttemptContext implements TaskContext {
  readonly #of: AttemptBackground
  #log: TaskLogger | undefined

  constructor(background: AttemptBackground) {
    this.#of = background
  }

  get taskId(): string {
    return this.#of.spec.id
  }
  get taskName(): string {
    return this.#of.spec.name
  }
  get label(): string | undefined {
    return this.#of.spec.label
  }
  get queue(): string {
    return this.#of.spec.queue
  }
  get priority(): number {
    return this.#of.spec.priority
  }
  get source(): TaskSource {
    return this.#of.spec.source
  }
  get slot(): number | undefined {
    return undefined
  }
  get parentId(): string | undefined {
    return this.#of.spec.parentId
  }
  get rootId(): string {
    return this.#of.spec.rootId
  }
  get attempt(): number {
    return attemptOf(this.#of.state)
  }
  get maxAttempts(): number {
    return maxAttemptsOf(this.#of.spec, this.#of.state)
  }
  get recoveries(): number {
    return this.#of.state.recoveries
  }
  get retryOf(): string | undefined {
    return this.#of.spec.retryOf
  }
  get tags(): Tags {
    return this.#of.spec.tags
  }
  get headers(): Headers {
    return this.#of.spec.headers
  }
  get signal(): AbortSignal {
    return this.#of.abortSignal()
  }
  get log(): TaskLogger {
    this.#log ??= createTaskLogger(this.#of)
    return this.#log
  }
  get traceContext(): TraceContext | undefined {
    return this.#of.spec.traceContext
  }
  get requestContext(): ContextFields {
    return this.#of.fields
  }
  // Arrow-like on purpose: both are often taken out of the context, as in `({ progress }) => …`.
  get progress(): (done: number, total?: number) => void {
    return (done, total) => this.#of.reportProgress(done, total)
  }
  get enqueue(): TaskContext['enqueue'] {
    const enqueue = (task: Task, input?: unknown, options?: EnqueueOptions): Promise<TaskHandle> =>
      this.#of.enqueueChild(task, input, options)
    return enqueue as TaskContext['enqueue']
  }
}
