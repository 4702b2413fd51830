/** The wall clock, where an instant of the monotonic one has just been read: mostly that tells the time without a second reading. */

import type { Clock } from '../task/clock.ts'

/**
 * Both clocks of the system run alike. So a millisecond of the wall clock that had not begun at one instant of the monotonic
 * clock is not over within a millisecond of it, and until then its number is known. Whoever sets the clock is noticed a
 * millisecond later, or with the next reading.
 */
export class WallClock {
  readonly #clock: Clock
  readonly #runAlike: boolean
  /** The latest reading, and the instant of the latest that gave it or followed from it. */
  #wall = 0
  #seenAtMs = 0
  /** Of the monotonic clock: until then the wall clock does not move on. */
  #untilMs = -Infinity

  /** @param runAlike - whether both readings are of the system's clocks: of another clock nothing is known beforehand */
  constructor(clock: Clock, runAlike: boolean) {
    this.#clock = clock
    this.#runAlike = runAlike
  }

  /** Reads it. */
  now(): number {
    const now = this.#clock.now()
    if (now !== this.#wall) this.#untilMs = -Infinity
    return now
  }

  /** The time at an instant of the monotonic clock that has just been read. */
  at(monotonicMs: number): number {
    if (monotonicMs < this.#untilMs) {
      this.#seenAtMs = monotonicMs
      return this.#wall
    }
    return this.#read(monotonicMs)
  }

  #read(monotonicMs: number): number {
    const now = this.#clock.now()
    const passed = now - this.#wall
    const untilMs = this.#seenAtMs + passed
    // Whole milliseconds differ from what has passed by less than one, unless somebody has set one of the clocks.
    const isAlike = this.#runAlike && Math.abs(untilMs - monotonicMs) <= 1
    this.#untilMs = isAlike && passed > 0 ? untilMs : -Infinity
    this.#wall = now
    this.#seenAtMs = monotonicMs
    return now
  }
}
