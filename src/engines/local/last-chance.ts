/**
 * A task that one more crash condemns runs with nothing starting beside it, so that no other task's crash is taken for its
 * own. It waits until nothing runs, and others wait for it; both for a bounded time, because a body may run for hours.
 */

import type { Deadline, TimerQueue } from '../../task/timer-queue.ts'
import type { Writable } from '../../task/writable.ts'

/** How long others are kept from starting before it starts, and again after. What kills its process mostly does so at once. */
export const QUIET_MS = 10_000

export interface LastChance<Item> {
  /** Whether one waits, or has just begun: nothing else may start. */
  readonly isQuiet: boolean
  /** The one that waits. */
  readonly waiting: Item | undefined
  /** It is the turn of `item`: it starts when nothing runs, or after 10 s. */
  enter(item: Item): void
  /** Something has ended; `isIdle` when nothing runs any more. */
  ended(item: Item, isIdle: boolean): void
  /** Takes it out, if it is the one that waits. */
  remove(item: Item): boolean
}

/** `start` gives an item its slot and runs it; `over` is told when others may start again. */
export function createLastChance<Item>(
  timers: () => TimerQueue,
  start: (item: Item) => void,
  over: () => void,
): LastChance<Item> {
  let running: Item | undefined
  let deadline: Deadline | undefined

  function run(): void {
    const item = chance.waiting
    deadline?.cancel()
    chance.waiting = undefined
    chance.isQuiet = item !== undefined || running !== undefined
    if (item === undefined) return
    running = item
    deadline = timers().after(QUIET_MS, finish)
    start(item)
  }

  function finish(): void {
    deadline?.cancel()
    deadline = undefined
    running = undefined
    chance.isQuiet = chance.waiting !== undefined
    over()
  }

  const chance: Writable<LastChance<Item>> = {
    isQuiet: false,
    waiting: undefined,
    enter(item) {
      chance.waiting = item
      chance.isQuiet = true
      deadline = timers().after(QUIET_MS, run)
    },
    ended(item, isIdle) {
      if (item === running) finish()
      else if (isIdle && chance.waiting !== undefined) run()
    },
    remove(item) {
      if (item !== chance.waiting) return false
      chance.waiting = undefined
      finish()
      return true
    },
  }
  return chance
}
