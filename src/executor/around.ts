/** Composes the around-hooks of observers so that none of them can change what they surround. */

import { adopt, isThenable } from '../events/bus.ts'
import type { InternalOperation, Observer } from '../observers/observer.ts'
import type { Deadline, TimerQueue } from '../task/timer-queue.ts'

/** What composing needs: the time, and where to say that a hook misbehaved. */
export interface AroundHost {
  readonly timers: TimerQueue
  /** Observers whose hook has hung: not asked again for a while, so that they hold up one task and not every task. */
  readonly passedOver: Set<Observer>
  /** Told which observer's hook misbehaved, and how. */
  report(observer: Observer, hook: string, error: unknown): void
}

/** A hook that has not called `next` after this long is passed over, and then for a minute. */
export const HOOK_DEADLINE_MS = 5_000
const PASSED_OVER_MS = 60_000

type AsyncHook = 'wrapEnqueue' | 'wrapRun'
type Around = (argument: unknown, next: () => Promise<unknown>) => unknown

/**
 * Runs `core` once inside the hooks of `observers`, the first outermost, and answers what `core` answered.
 *
 * A hook that throws, rejects, forgets `next`, calls it twice, swallows or replaces its answer, or hangs changes
 * nothing: `core` runs once, and its value or error is the answer. What the hook did is reported. Its own settling
 * is not waited for, so one that hangs after `next` holds up nobody.
 */
export function runAround<A, T>(
  host: AroundHost,
  observers: readonly Observer[],
  hook: AsyncHook,
  argument: A,
  core: () => Promise<T>,
): Promise<T> {
  return runFrom(host, observers, 0, hook, argument, core)
}

/** As {@link runAround}, inside the hooks of those from `first` on. */
function runFrom<T>(
  host: AroundHost,
  observers: readonly Observer[],
  first: number,
  hook: AsyncHook,
  argument: unknown,
  core: () => Promise<T>,
): Promise<T> {
  const { passedOver } = host
  for (let index = first; index < observers.length; index++) {
    if (passedOver.size > 0 && passedOver.has(observers[index] as Observer)) continue
    return new Surrounded(host, observers, index, hook, argument, core).run()
  }
  return core()
}

// A class: one is made for every hook around every enqueue and attempt, and its closures would be a dozen objects.
class Surrounded<T> {
  readonly #host: AroundHost
  readonly #observers: readonly Observer[]
  readonly #index: number
  readonly #hook: AsyncHook
  readonly #argument: unknown
  readonly #core: () => Promise<T>
  /** Started once: by the hook in its own async context, or else by us. */
  #running: Promise<T> | undefined
  /** For a hook that has not called `next` in its turn. */
  #late: { readonly answer: (running: Promise<T>) => void; readonly deadline: Deadline } | undefined
  #isPassedOver = false

  constructor(
    host: AroundHost,
    observers: readonly Observer[],
    index: number,
    hook: AsyncHook,
    argument: unknown,
    core: () => Promise<T>,
  ) {
    this.#host = host
    this.#observers = observers
    this.#index = index
    this.#hook = hook
    this.#argument = argument
    this.#core = core
  }

  get #observer(): Observer {
    return this.#observers[this.#index] as Observer
  }

  run(): Promise<T> {
    try {
      const observer = this.#observer
      const call = observer[this.#hook] as Around
      const answer = call.call(observer, this.#argument, () => this.#next())
      // What `next` gave, as it is: nothing to watch.
      if (answer === undefined || answer !== this.#running) this.#watch(answer)
    } catch (error) {
      this.#failed(error)
    }
    return this.#running ?? this.#whenBegun()
  }

  #watch(answer: unknown): void {
    if (!isThenable(answer)) this.#returned(answer)
    else {
      adopt(answer).then(
        (value) => this.#returned(value),
        (error: unknown) => this.#failed(error),
      )
    }
  }

  #whenBegun(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#late = {
        answer: (running) => void running.then(resolve, reject),
        deadline: this.#host.timers.after(HOOK_DEADLINE_MS, () => this.#passOver()),
      }
    })
  }

  #passOver(): void {
    const { timers, passedOver } = this.#host
    this.#isPassedOver = true
    const how = `it is passed over for ${PASSED_OVER_MS} ms`
    this.#mistake(`did not call next within ${HOOK_DEADLINE_MS} ms; ${how}`)
    passedOver.add(this.#observer)
    timers.after(PASSED_OVER_MS, () => passedOver.delete(this.#observer), false)
    void this.#begin()
  }

  #begin(): Promise<T> {
    if (this.#running === undefined) {
      this.#late?.deadline.cancel()
      this.#running = runFrom(
        this.#host,
        this.#observers,
        this.#index + 1,
        this.#hook,
        this.#argument,
        this.#core,
      )
      this.#late?.answer(this.#running)
    }
    return this.#running
  }

  #next(): Promise<T> {
    if (this.#running !== undefined && !this.#isPassedOver)
      this.#mistake('called next more than once')
    return this.#begin()
  }

  #returned(value: unknown): void {
    if (this.#running === undefined) {
      this.#mistake('returned without calling next')
      void this.#begin()
      return
    }
    const replaced = (): void => this.#mistake('did not return what next() gave')
    this.#running.then((own) => own !== value && replaced(), replaced)
  }

  #failed(error: unknown): void {
    // Passing on the error of what it surrounds is what a well-behaved hook does.
    if (this.#running === undefined) this.#fault(error)
    else
      this.#running.then(
        () => this.#fault(error),
        (own: unknown) => own !== error && this.#fault(error),
      )
    void this.#begin()
  }

  #mistake(what: string): void {
    this.#fault(new Error(`${this.#hook} ${what}`))
  }

  #fault(error: unknown): void {
    this.#host.report(this.#observer, this.#hook, error)
  }
}

/**
 * Runs `core` inside the `runInternal` hooks of `observers`, the first outermost, synchronously; as isolated as
 * {@link runAround}. What a hook answers is not looked at, only watched: a promise of its own may reject.
 */
export function runInternal<T>(
  host: AroundHost,
  observers: readonly Observer[],
  operation: InternalOperation,
  core: () => T,
): T {
  return runInternalFrom(host, observers, 0, operation, core)
}

function runInternalFrom<T>(
  host: AroundHost,
  observers: readonly Observer[],
  index: number,
  operation: InternalOperation,
  core: () => T,
): T {
  if (index === observers.length) return core()
  return new SurroundedCall(host, observers, index, operation, core).run()
}

class SurroundedCall<T> {
  readonly #host: AroundHost
  readonly #observers: readonly Observer[]
  readonly #index: number
  readonly #operation: InternalOperation
  readonly #core: () => T
  #state: 'not called' | 'answered' | 'failed' = 'not called'
  #answer: T | undefined
  #error: unknown

  constructor(
    host: AroundHost,
    observers: readonly Observer[],
    index: number,
    operation: InternalOperation,
    core: () => T,
  ) {
    this.#host = host
    this.#observers = observers
    this.#index = index
    this.#operation = operation
    this.#core = core
  }

  run(): T {
    const observer = this.#observers[this.#index] as Observer
    let given: unknown
    try {
      given = observer.runInternal?.(this.#operation, () => this.#next())
    } catch (error) {
      if (this.#state !== 'failed' || this.#error !== error) this.#fault(error)
    }
    if (this.#state === 'not called')
      this.#fault(new Error('runInternal returned without calling next'))
    try {
      const own = this.#next()
      if (given !== own) watch(given, own, (error) => this.#fault(error))
      return own
    } catch (error) {
      watch(given, Promise.reject(error), (fault) => this.#fault(fault))
      throw error
    }
  }

  #next(): T {
    if (this.#state === 'failed') throw this.#error
    if (this.#state === 'not called') {
      try {
        this.#answer = runInternalFrom(
          this.#host,
          this.#observers,
          this.#index + 1,
          this.#operation,
          this.#core,
        )
        this.#state = 'answered'
      } catch (error) {
        this.#state = 'failed'
        this.#error = error
        throw error
      }
    }
    return this.#answer as T
  }

  #fault(error: unknown): void {
    const observer = this.#observers[this.#index] as Observer
    this.#host.report(observer, 'runInternal', error)
  }
}

/** Reports the rejection of what a hook answered, unless it passes on the failure of what it surrounded. */
function watch(given: unknown, own: unknown, fault: (error: unknown) => void): void {
  const ownFailure =
    own instanceof Promise
      ? own.then(
          () => undefined,
          (error: unknown) => ({ error }),
        )
      : undefined
  try {
    if (!isThenable(given)) return
    adopt(given).catch(async (error: unknown) => {
      if ((await ownFailure)?.error !== error) fault(error)
    })
  } catch (error) {
    fault(error)
  }
}
