/** Composes the around-hooks of observers so that none of them can change what they surround. */

import { isThenable } from '../events/bus.ts'
import type { InternalOperation, Observer } from '../observers/observer.ts'
import type { TimerQueue } from '../task/timer-queue.ts'

/** What composing needs: the time, and where to say that a hook misbehaved. */
export interface AroundHost {
  readonly timers: TimerQueue
  /** Told which observer's hook misbehaved, and how. */
  report(observer: Observer, hook: string, error: unknown): void
}

/** A hook that has not called `next` after this long is passed over. */
export const HOOK_DEADLINE_MS = 5_000

type AsyncHook = 'wrapEnqueue' | 'wrapRun'
type Around = (argument: unknown, next: () => Promise<unknown>) => unknown

/**
 * Runs `core` once inside the hooks of `observers`, the first outermost, and answers what `core` answered.
 *
 * A hook that throws, rejects, forgets `next`, calls it twice, swallows or replaces its answer, or hangs changes
 * nothing: `core` runs once, and its value or error is the answer. The hook's own settling is not waited for.
 */
export function runAround<A, T>(
  host: AroundHost,
  observers: readonly Observer[],
  hook: AsyncHook,
  argument: A,
  core: () => Promise<T>,
): Promise<T> {
  let inner = core
  for (let index = observers.length - 1; index >= 0; index--) {
    const observer = observers[index] as Observer
    const within = inner
    inner = () => surround(host, observer, hook, argument, within)
  }
  return inner()
}

function surround<A, T>(
  host: AroundHost,
  observer: Observer,
  hook: AsyncHook,
  argument: A,
  inner: () => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let running: Promise<T> | undefined
    // Started once: by the hook in its own async context, or else by us.
    const next = (): Promise<T> => {
      if (running === undefined) {
        running = inner()
        running.then(resolve, reject)
        deadline?.cancel()
      }
      return running
    }
    const fault = (error: unknown): void => host.report(observer, hook, error)
    // Passing on the error of what it surrounds is what a well-behaved hook does.
    const faultUnlessOwn = (error: unknown): void => {
      if (running === undefined) fault(error)
      else running.then(() => fault(error), (own: unknown) => own !== error && fault(error))
      void next()
    }
    const deadline = host.timers.after(HOOK_DEADLINE_MS, () => {
      fault(new Error(`${hook} did not call next within ${HOOK_DEADLINE_MS} ms`))
      void next()
    })
    try {
      const answer = (observer[hook] as Around).call(observer, argument, next)
      if (isThenable(answer)) Promise.resolve(answer).then(() => void next(), faultUnlessOwn)
      else void next()
    } catch (error) {
      faultUnlessOwn(error)
    }
  })
}

/** Runs `core` inside the `runInternal` hooks of `observers`, synchronously; as isolated as {@link runAround}. */
export function runInternal<T>(
  host: AroundHost,
  observers: readonly Observer[],
  operation: InternalOperation,
  core: () => T,
): T {
  let inner = core
  for (const observer of observers) {
    const within = inner
    inner = () => {
      let answer: { readonly value: T } | undefined
      let failure: { readonly error: unknown } | undefined
      const next = (): T => {
        if (failure !== undefined) throw failure.error
        if (answer === undefined) {
          try {
            answer = { value: within() }
          } catch (error) {
            failure = { error }
            throw error
          }
        }
        return answer.value
      }
      try {
        observer.runInternal?.(operation, next)
      } catch (error) {
        if (failure?.error !== error) host.report(observer, 'runInternal', error)
      }
      return next()
    }
  }
  return inner()
}
