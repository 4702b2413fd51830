/** Any number of deadlines over one timer of the clock: adding one costs a heap push, not a timer. */

import { MAX_TIMER_MS, type Clock, type Timer } from './clock.ts'
import { createHeap } from './heap.ts'
import type { Writable } from './writable.ts'

/** A deadline that can be called off. */
export interface Deadline {
  /** Calls it off; harmless when it has passed. */
  cancel(): void
}

export interface TimerQueue {
  /**
   * Calls `callback` once `delayMs` have passed on the monotonic clock; any length (chunked past 2^31−1 ms).
   * @param keepAlive - whether the process waits for it; default true
   */
  after(delayMs: number, callback: () => void, keepAlive?: boolean): Deadline
  readonly size: number
  /** Forgets all deadlines. */
  clear(): void
}

interface Item extends Deadline {
  at: number
  order: number
  callback: (() => void) | undefined
  keepAlive: boolean
}

/** `run` surrounds every firing, so that callbacks have the async context of the owner and not of who set the timer. */
export function createTimerQueue(clock: Clock, run: (fire: () => void) => void): TimerQueue {
  const heap = createHeap<Item>((a, b) => (a.at === b.at ? a.order < b.order : a.at < b.at))
  let timer: Timer | undefined
  let timerAt = Infinity
  let timerHolds = false
  let set = 0
  let holding = 0

  function drop(item: Item): void {
    if (item.callback === undefined) return
    item.callback = undefined
    queue.size -= 1
    if (item.keepAlive) holding -= 1
    // Called-off items leave lazily; when most are dead, sweep, so that the heap stays in proportion.
    if (heap.size > 64 && heap.size > queue.size * 2)
      heap.removeAll((each) => each.callback === undefined)
    if (queue.size === 0 || (timerHolds && holding === 0)) arm()
  }

  function arm(): void {
    while (heap.peek()?.callback === undefined && heap.size > 0) heap.pop()
    const next = heap.peek()
    const holds = holding > 0
    if (timer !== undefined) {
      if (next !== undefined && next.at >= timerAt && holds === timerHolds) return
      clock.clearTimeout(timer)
      timer = undefined
      timerAt = Infinity
    }
    if (next === undefined) return
    const delay = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(next.at - clock.monotonic())))
    timerAt = next.at
    timerHolds = holds
    timer = clock.setTimeout(fire, delay)
    if (!holds) timer.unref?.()
  }

  function fire(): void {
    timer = undefined
    timerAt = Infinity
    try {
      run(fireDue)
    } finally {
      // Also after a callback that threw: the others are due all the same.
      arm()
    }
  }

  function fireDue(): void {
    const now = clock.monotonic()
    for (
      let item = heap.peek();
      item !== undefined && (item.callback === undefined || item.at <= now);
      item = heap.peek()
    ) {
      heap.pop()
      const { callback } = item
      if (callback === undefined) continue
      drop(item)
      callback()
    }
  }

  // No getters: V8 looks up every property of an object literal that has one in a hash table.
  const queue: Writable<TimerQueue> = {
    size: 0,
    after(delayMs, callback, keepAlive = true) {
      const item: Item = {
        at: clock.monotonic() + delayMs,
        order: ++set,
        callback,
        keepAlive,
        cancel() {
          drop(item)
        },
      }
      queue.size += 1
      if (keepAlive) holding += 1
      heap.push(item)
      if (item.at < timerAt || (keepAlive && !timerHolds)) arm()
      return item
    },
    clear() {
      for (const item of heap.removeAll(() => true)) item.callback = undefined
      queue.size = 0
      holding = 0
      if (timer !== undefined) clock.clearTimeout(timer)
      timer = undefined
      timerAt = Infinity
    },
  }
  return queue
}
