/** Time as an option, so that tests can move it: all of the library's instants, durations and timers come from here. */

/** A timer handle; its shape is the clock's business. */
export interface Timer {
  /** Lets the process end while this timer waits. */
  unref?(): unknown
}

export interface Clock {
  /** The wall clock: epoch milliseconds. */
  now(): number
  /** Milliseconds that only ever grow, for durations. */
  monotonic(): number
  /** Calls `callback` once after `delayMs`, which is at most 2^31−1. */
  setTimeout(callback: () => void, delayMs: number): Timer
  clearTimeout(timer: Timer): void
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647
