/** A bounded queue of events, in the order of their arrival, that keeps what matters most when it is full. */

import type { PlainsightEvent } from '../events/event.ts'

export interface EventQueue {
  /** Events that wait, and those that were taken and not yet decided. */
  readonly size: number
  /** Those that wait. */
  readonly waiting: number
  /**
   * Adds an event at the end. When the queue is full, one that waits leaves it for good: the oldest `task.log`, else
   * the oldest. Answers how many were lost: 0 or 1.
   */
  add(event: PlainsightEvent): number
  /** The first events, at most `max`, which stay here until they are decided. */
  take(max: number): readonly PlainsightEvent[]
  /** The first that wait, at most `max`: taken as well, after those that are. */
  takeMore(max: number): readonly PlainsightEvent[]
  /** The first `count` of those taken are decided, and leave; the others stay taken. */
  release(count: number): void
  /** As `release`, but that the others wait again, as the first. */
  decide(count: number): void
  /** Removes all, taken ones included; answers how many there were. */
  clear(): number
}

/** Dead places that are tolerated before the places are made anew. */
const SLACK = 1_024

/**
 * A queue of at most `max` events. With `keepsTaken`, one that was taken and waits again is not given up for another:
 * what may have reached the other side does not count as lost.
 */
export function eventQueue(max: number, keepsTaken = false): EventQueue {
  // One array that grows at the end and is cut off at the front now and then: an event costs a place, nothing else.
  let places: (PlainsightEvent | undefined)[] = []
  let head = 0
  /** Places before this belong to taken events, and must not be given up. */
  let takenEnd = 0
  let taken = 0
  let waiting = 0
  /** So many of the first are kept whatever comes: those that are taken, or were. */
  let kept = 0
  /** No log and no event waits before these places. */
  let logFrom = 0
  let anyFrom = 0

  function removeOldest(isLog: boolean): boolean {
    let at = isLog ? logFrom : anyFrom
    for (; at < places.length; at++) {
      const event = places[at]
      if (event !== undefined && (!isLog || event.type === 'task.log')) break
    }
    const found = at < places.length
    if (found) {
      places[at] = undefined
      waiting -= 1
      at += 1
    }
    if (isLog) logFrom = at
    else anyFrom = at
    return found
  }

  function tidy(): void {
    if (taken + waiting === 0) {
      places = []
      head = takenEnd = logFrom = anyFrom = 0
    } else if (places.length - taken - waiting > taken + waiting + SLACK) {
      // Taken ones are the first: they keep their order and their number.
      places = places.slice(head).filter((event) => event !== undefined)
      head = 0
      takenEnd = taken
      logFrom = anyFrom = Math.max(taken, kept)
    }
  }

  function takeMore(most: number): readonly PlainsightEvent[] {
    const batch: PlainsightEvent[] = []
    let at = takenEnd
    for (; at < places.length && batch.length < most; at++) {
      const event = places[at]
      if (event !== undefined) batch.push(event)
    }
    taken += batch.length
    waiting -= batch.length
    takenEnd = at
    if (keepsTaken) kept = Math.max(kept, taken)
    logFrom = Math.max(logFrom, takenEnd)
    anyFrom = Math.max(anyFrom, takenEnd)
    return batch
  }

  function release(count: number): void {
    for (let left = count; left > 0; head++) {
      if (places[head] === undefined) continue
      places[head] = undefined
      left -= 1
    }
    kept = Math.max(0, kept - count)
    taken -= count
    if (taken === 0) head = takenEnd
    tidy()
  }

  return {
    get size() {
      return taken + waiting
    },
    get waiting() {
      return waiting
    },
    add(event) {
      places.push(event)
      waiting += 1
      if (taken + waiting <= max) return 0
      // The new one is among those that wait: of logs only, it is the youngest.
      if (!removeOldest(true)) removeOldest(false)
      tidy()
      return 1
    },
    take(most) {
      takenEnd = head
      return takeMore(most)
    },
    takeMore,
    release,
    decide(count) {
      release(count)
      if (taken > 0 && !keepsTaken) logFrom = anyFrom = head
      waiting += taken
      taken = 0
    },
    clear() {
      const count = taken + waiting
      taken = waiting = kept = 0
      tidy()
      return count
    },
  }
}
