/** A clock that stands still until it is told to move. */

import type { Clock, Timer } from '../task/clock.ts'

/** A {@link Clock} for tests: `createExecutor({ clock: manualClock() })`. */
export interface ManualClock extends Clock {
  /**
   * Moves time by `ms`, firing what becomes due in order, each at its own instant. Between two, and at the end, pending
   * promises and immediates run, and what they start within `ms` fires too. Rejects with what a callback threw, time
   * standing at that callback's instant. Calls made at once happen one after the other.
   */
  advance(ms: number): Promise<void>
  /** Lets pending promises and immediates run, without moving time. */
  settle(): Promise<void>
  /** Sets the wall clock alone, as an operator or NTP does: no timer fires, `monotonic` stays. */
  setNow(now: number): void
  /** Timers that wait. */
  readonly pendingTimers: number
}

interface ManualTimer extends Timer {
  readonly due: number
  readonly callback: () => void
}

/** Turns of the event loop that {@link ManualClock.settle} lets pass: a few awaits upon a group commit. */
const SETTLE_TURNS = 4

/**
 * A clock at `start`, epoch milliseconds (default 2026-01-01T00:00:00Z).
 *
 * @example
 * const clock = manualClock()
 * clock.setTimeout(() => console.log('an hour later'), 3_600_000)
 * await clock.advance(3_600_000)
 */
export function manualClock(start: number = Date.UTC(2026, 0, 1)): ManualClock {
  let monotonic = 0
  let offset = start
  const timers = new Set<ManualTimer>()
  let moving: Promise<void> = Promise.resolve()

  const earliest = (until: number): ManualTimer | undefined => {
    let first: ManualTimer | undefined
    // A set keeps insertion order, so of two due at once the older fires first.
    for (const timer of timers) {
      if (timer.due <= until && (first === undefined || timer.due < first.due)) first = timer
    }
    return first
  }
  const move = async (ms: number): Promise<void> => {
    const until = monotonic + ms
    await settle()
    for (let timer = earliest(until); timer !== undefined; timer = earliest(until)) {
      timers.delete(timer)
      monotonic = timer.due
      timer.callback()
      await settle()
    }
    monotonic = until
    await settle()
  }

  return {
    now: () => offset + monotonic,
    monotonic: () => monotonic,
    setTimeout(callback, delayMs) {
      // As in Node: at least 1 ms, so a timer that sets itself again cannot hold time.
      const timer: ManualTimer = {
        due: monotonic + Math.max(1, delayMs),
        callback,
        unref: () => timer,
      }
      timers.add(timer)
      return timer
    },
    clearTimeout(timer) {
      timers.delete(timer as ManualTimer)
    },
    advance(ms) {
      if (!(ms >= 0)) return Promise.reject(new RangeError(`time moves forward only; got ${ms} ms`))
      const moved = moving.then(() => move(ms))
      moving = moved.catch(() => undefined)
      return moved
    },
    settle,
    setNow(now) {
      offset = now - monotonic
    },
    get pendingTimers() {
      return timers.size
    },
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  }
}
