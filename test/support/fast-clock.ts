/** Time that runs so many times as fast, so that a lease of 15 s is over in less than one. */

import { MAX_TIMER_MS, type Clock } from '../../src/task/clock.ts'
import { systemClock } from '../../src/executor/system-clock.ts'

/**
 * `epochMs` is where both times agree: processes that share it have the same wall clock. At most `MAX_TIMER_MS` of real
 * time per timer, as anywhere.
 */
export function fastClock(factor: number, epochMs: number): Clock {
  const realNow = (): number => performance.timeOrigin + performance.now()
  return {
    now: () => Math.floor(epochMs + (realNow() - epochMs) * factor),
    monotonic: () => performance.now() * factor,
    setTimeout: (callback, delayMs) =>
      systemClock.setTimeout(callback, Math.min(MAX_TIMER_MS, delayMs / factor)),
    clearTimeout: (timer) => systemClock.clearTimeout(timer),
  }
}

/** Settles after `ms` of that clock; rejects with the signal's reason when it aborts. */
export function sleepOn(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clock.clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
