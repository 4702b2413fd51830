/** Handles: what a caller holds of an accepted task. */

import { currentScope } from '../context/scope.ts'
import type { CancelOptions, TaskHandle } from '../task/enqueue-options.ts'
import type { Duration } from '../task/duration.ts'
import {
  ResultUnavailableError,
  TaskCancelledError,
  TaskExpiredError,
  TaskFailedError,
  TaskInterruptedError,
  type InterruptReason,
} from '../task/errors.ts'
import type { Jsonify } from '../task/json.ts'
import type { RunOptions } from '../task/options.ts'
import { readWait } from '../task/reading.ts'
import type { StoredRecord, TaskSpec, TaskState } from '../task/record.ts'
import { reviveError } from '../task/revive-error.ts'
import { isTerminal } from '../task/status.ts'
import type { TaskRecord } from '../task/task-record.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import { RunningAttempt } from './running-attempt.ts'
import { isResultOver, runOptionsOf } from './run-options.ts'
import { watchRecord } from './watch.ts'

interface ResultOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeout?: Duration | undefined
}

/** A deadline that only holds the process. */
const FOREVER_MS = Number.MAX_SAFE_INTEGER

export function handleOf<Output>(
  core: Core,
  live: LiveTask,
  deduplicated = false,
): TaskHandle<Output> {
  return new Handle<Output>(core, live.id, live.name, live, deduplicated)
}

/** The handle of a task that another executor has, or that has ended. */
export function remoteHandle<Output>(
  core: Core,
  id: string,
  name: string,
  deduplicated: boolean,
): TaskHandle<Output> {
  return new Handle<Output>(core, id, name, undefined, deduplicated)
}

// A class: one is made per enqueue, and most are dropped unused.
class Handle<Output> implements TaskHandle<Output> {
  readonly id: string
  readonly taskName: string
  readonly deduplicated: boolean
  readonly #core: Core
  readonly #live: LiveTask | undefined

  constructor(
    core: Core,
    id: string,
    name: string,
    live: LiveTask | undefined,
    deduplicated: boolean,
  ) {
    this.id = id
    this.taskName = name
    this.deduplicated = deduplicated
    this.#core = core
    this.#live = core.options.work ? live : undefined
  }

  get started(): Promise<void> {
    return this.#hasStarted()
  }

  async #hasStarted(): Promise<void> {
    const hasStarted = ({ state }: { readonly state: TaskState }): boolean =>
      state.starts > 0 || isTerminal(state.status)
    if (this.#live !== undefined && hasStarted(this.#live)) return
    for (;;) {
      const live = this.#here()
      if (live !== undefined) {
        await startedOrGone(live)
        if (hasStarted(live)) return
      }
      if ((await this.#watch(hasStarted, undefined)) !== undefined) return
    }
  }

  /** The task, as long as it is in this process's memory. */
  #here(): LiveTask | undefined {
    const live = this.#live
    return live !== undefined && !live.isDone ? live : this.#core.live.get(this.id)
  }

  async result(options?: ResultOptions): Promise<Jsonify<Output>> {
    const { timeoutMs, signal } = readWait(options, 'result: ')
    signal?.throwIfAborted()
    const live = this.#live
    if (live?.isDone === true && !live.isLost)
      return readResult<Output>(this.#core, live.spec, live.state, live)
    const wanted = this.#wanted(signal, timeoutMs)
    const waiting = currentScope()?.attempt
    // Below a task of this executor: its slot is for others while it waits.
    if (waiting instanceof RunningAttempt && waiting.core === this.#core)
      return waiting.waitFor(wanted)
    return wanted
  }

  #wanted(
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ): Promise<Jsonify<Output>> {
    const stop = new AbortController()
    const ended = this.#ended(stop.signal)
    // Somebody waits: the process has to, for a task that is due later too.
    const patience = this.#core.timers.after(FOREVER_MS, () => {})
    return new Promise((resolve, reject) => {
      const clean = (): void => {
        patience.cancel()
        deadline?.cancel()
        signal?.removeEventListener('abort', abort)
        stop.abort()
      }
      const giveUp = (error: unknown): void => {
        clean()
        reject(error)
      }
      const abort = (): void => giveUp(signal?.reason)
      signal?.addEventListener('abort', abort)
      const late = (): void =>
        giveUp(new ResultUnavailableError(this.id, `it did not come within ${timeoutMs} ms`))
      const deadline =
        timeoutMs === undefined ? undefined : this.#core.timers.after(timeoutMs, late)
      ended.then((value) => {
        clean()
        resolve(value)
      }, giveUp)
    })
  }

  async #ended(stop: AbortSignal): Promise<Jsonify<Output>> {
    // It may leave this memory for the store, and come back from there.
    for (;;) {
      const live = this.#here() ?? this.#live
      if (live?.isDone === false) await doneOrStopped(live, stop)
      if (live !== undefined && !live.isLost && isTerminal(live.state.status)) {
        return readResult<Output>(this.#core, live.spec, live.state, live)
      }
      const stored = await this.#watch((record) => isTerminal(record.state.status), stop)
      if (stored !== undefined) {
        return readResult<Output>(this.#core, stored.spec, stored.state, undefined)
      }
    }
  }

  /** The record, once `isThere` holds; `undefined` when the task has come into this process's memory meanwhile. */
  #watch(
    isThere: (record: StoredRecord) => boolean,
    stop: AbortSignal | undefined,
  ): Promise<StoredRecord | undefined> {
    return watchRecord(this.#core, this.id, isThere, stop)
  }

  record(): Promise<TaskRecord<Output> | undefined> {
    return this.#core.getRecord(this.id)
  }

  cancel(options?: CancelOptions): Promise<boolean> {
    return this.#core.cancel(this.id, options)
  }

  children(): Promise<TaskRecord[]> {
    return this.#core.childrenOf(this.id)
  }
}

/** Settles when an attempt begins, or the task leaves this process's memory. */
function startedOrGone(live: LiveTask): Promise<void> {
  if (live.isDone || live.state.starts > 0) return Promise.resolve()
  return new Promise((resolve) => (live.onStarted ??= []).push(resolve))
}

/** Settles when the task has ended, or nobody waits for it any more; leaves nothing behind with the task. */
function doneOrStopped(live: LiveTask, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const waiting = (live.onDone ??= new Set())
    const done = (): void => {
      waiting.delete(done)
      resolve()
    }
    waiting.add(done)
    stop.addEventListener('abort', done, { once: true })
  })
}

function readResult<Output>(
  core: Core,
  spec: TaskSpec,
  state: TaskState,
  live: LiveTask | undefined,
): Jsonify<Output> {
  const { id, name } = spec
  switch (state.status) {
    case 'succeeded':
      return readSuccess<Output>(core, spec, state, live?.options ?? runOptionsOf(core, spec))
    case 'failed': {
      const cause = live?.failure ?? reviveError(state.error, runOptionsOf(core, spec)?.errors)
      const message = state.error?.message ?? 'unknown error'
      throw new TaskFailedError(id, name, state.reason ?? 'error', message, { cause })
    }
    case 'cancelled':
      throw new TaskCancelledError(id, name, state.reason)
    case 'interrupted':
      throw new TaskInterruptedError(id, name, (state.reason ?? 'crash') as InterruptReason)
    case 'expired':
      throw new TaskExpiredError(id, name, spec.expiresAt ?? state.endedAt ?? 0)
    case 'scheduled':
    case 'pending':
    case 'running':
    case 'retrying':
      throw new ResultUnavailableError(id, `the task is ${state.status}`)
  }
}

function readSuccess<Output>(
  core: Core,
  spec: TaskSpec,
  state: TaskState,
  options: RunOptions | undefined,
): Jsonify<Output> {
  if (state.resultError !== undefined) {
    throw new ResultUnavailableError(
      spec.id,
      `it could not be stored: ${state.resultError.message}`,
      {
        cause: state.resultError,
      },
    )
  }
  if (options?.keepResult === false)
    throw new ResultUnavailableError(spec.id, 'the task has keepResult: false')
  if (isResultOver(core, state, options))
    throw new ResultUnavailableError(spec.id, 'its resultTtl is over')
  if (state.resultJson === undefined) return undefined as Jsonify<Output>
  try {
    return JSON.parse(state.resultJson) as Jsonify<Output>
  } catch (error) {
    throw new ResultUnavailableError(spec.id, 'the stored text is not JSON', { cause: error })
  }
}
