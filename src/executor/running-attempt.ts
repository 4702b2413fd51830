/** One attempt while its body runs: what the body can reach, and how it is told to stop. */

import { logFallback } from '../context/fallback-logger.ts'
import { initialFields } from '../context/bound-context.ts'
import { attemptContext, type AttemptBackground } from '../context/task-context.ts'
import { messageText } from '../context/task-log.ts'
import { currentScope, runInScope, type ActiveAttempt, type Scope } from '../context/scope.ts'
import type { EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import type { Level } from '../task/level.ts'
import type { ContextFields, TaskSpec, TaskState } from '../task/record.ts'
import type { Task, TaskContext } from '../task/run-context.ts'
import type { Deadline } from '../task/timer-queue.ts'
import type { RunResult } from '../observers/observer.ts'
import type { Core } from './core.ts'
import type { Decision } from './decision.ts'
import type { CurrentAttempt, LiveTask } from './live-task.ts'
import type { LogStore } from './log-store.ts'

// A class: one is made per attempt, and it is scope, context background and handle in one object.
export class RunningAttempt implements AttemptBackground, CurrentAttempt {
  readonly core: Core
  readonly live: LiveTask
  readonly logStore: LogStore
  /** As the attempt began. */
  readonly state: TaskState
  /** Of the monotonic clock; not a number until its start is told. */
  startedAtMs: number = Number.NaN
  readonly context: TaskContext
  /** Of the system's monotonic clock, where that has just been read: when the body is called. */
  bodySinceMs: number | undefined
  /** The attempt has its outcome; whatever the body does from now on is late. */
  isOver = false
  /** Of the monotonic clock: when the attempt ended with its body still running. */
  overAtMs = 0
  /** The body has settled or was abandoned. */
  isBodySettled = false
  /** The parsed input, for hooks. */
  input: unknown
  /** Whether the body settled in the turn in which it was told to stop. */
  ranOn = false
  deadlines: Deadline[] | undefined
  abandonment: Deadline | undefined
  /** With around-hooks: the carrier of its span, as they wrote it. */
  carrier: Record<string, string> | undefined
  /** With around-hooks: resolves the innermost `next`, before the decision is committed. */
  onDecided: ((result: RunResult) => void) | undefined
  decision: Decision | undefined
  /** What to do when the body has settled or was abandoned: the slot is free then. */
  onSlotFree: (() => unknown) | undefined
  /** The engine has the slot back. */
  isSlotReleased = false
  isSlotLent = false
  /** Counted as running on past its end. */
  isOverrunning = false
  /** How long the body waited for the store to have its start, in milliseconds. */
  readonly persistMs: number | undefined
  /** Lines so far, by level; made with the first one. */
  logCounts: Partial<Record<Level, number>> | undefined
  /** Results of other tasks that the body waits for. */
  #waits = 0
  #fields: ContextFields
  #controller: AbortController | undefined
  #abortReason: Error | undefined

  constructor(core: Core, live: LiveTask, logStore: LogStore, persistMs: number | undefined) {
    this.core = core
    this.live = live
    this.logStore = logStore
    this.state = live.state
    this.persistMs = persistMs
    this.#fields = initialFields(live.fields)
    this.context = attemptContext(this)
  }

  /** The scope's attempt: itself. */
  get attempt(): ActiveAttempt {
    return this
  }

  get spec(): TaskSpec {
    return this.live.spec
  }

  get fields(): ContextFields {
    return this.#fields
  }

  set fields(fields: ContextFields) {
    this.#fields = fields
    // Events of the task carry what was bound last.
    if (!this.isOver) this.live.fields = fields
  }

  get abortReason(): Error | undefined {
    return this.#abortReason
  }

  abortSignal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  /** Tells the body to stop. The first reason stays, as on any AbortSignal. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  /**
   * Waits for what another task comes to, with the slot lent to others: a task that waits for its children must not
   * keep them from running.
   */
  async waitFor<T>(result: Promise<T>): Promise<T> {
    const { engine } = this.core
    if (this.isSlotReleased) return result
    this.#waits += 1
    if (this.#waits === 1 && engine.lend !== undefined) {
      this.isSlotLent = true
      engine.lend(this.live)
    }
    try {
      return await result
    } finally {
      this.#waits -= 1
      // Told to stop, it has to hear so now, not when there is a slot.
      if (this.#waits === 0 && !this.isSlotReleased && this.#abortReason === undefined) {
        await engine.takeBack?.(this.live)
        this.isSlotLent = false
      }
    }
  }

  /** Gives the slot back for good; once. */
  releaseSlot(): void {
    if (this.isSlotReleased) return
    this.isSlotReleased = true
    this.isSlotLent = false
    this.core.engine.release(this.live)
  }

  countLine(level: Level): void {
    // Lines of a body that runs on are not its attempt's.
    if (this.isOver) return
    this.logCounts ??= {}
    this.logCounts[level] = (this.logCounts[level] ?? 0) + 1
  }

  log(
    scope: Scope | undefined,
    level: Level,
    message: unknown,
    extra: unknown,
    unknownLevel?: unknown,
  ): void {
    if (this.isOver) {
      logFallback(level, `(after the end of task ${this.live.id}) ${messageText(message)}`, extra)
      return
    }
    // Inside `withContext` there are more than the attempt's own.
    const isWithin = scope !== undefined && scope !== this && scope.attempt === this
    const fields = isWithin ? scope.fields : this.live.fields
    this.logStore.write(this.live, fields, level, message, extra, unknownLevel)
  }

  reportProgress(done: number, total: number | undefined): void {
    if (!this.isOver) this.logStore.progress(this.live, done, total)
  }

  enqueueChild(
    task: Task,
    input: unknown,
    options: EnqueueOptions | undefined,
  ): Promise<TaskHandle> {
    // Wherever it is called from: a context that was handed out of its scope still has this task's children.
    const enqueue = (): Promise<TaskHandle> => this.core.enqueueChild(task, input, options)
    return currentScope()?.attempt === this ? enqueue() : runInScope(this, enqueue)
  }
}
