/** The real clock. */

import type { Clock } from '../task/clock.ts'

// Taken once: the global is looked up and asked anew at each mention.
const { performance: watch } = globalThis

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => watch.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
