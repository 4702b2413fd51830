/** Calls that a store has not answered yet, with one timer for all of their deadlines. */

import type { Clock } from '../task/clock.ts'
import type { BackendErrorReason } from '../task/errors.ts'
import type { Deadline, TimerQueue } from '../task/timer-queue.ts'

/** A store that has not answered after this long is taken to be away, and asked again. */
export const STORE_DEADLINE_MS = 10_000

export interface StoreCall {
  readonly sinceMs: number
  readonly giveUp: (reason: BackendErrorReason, message: string) => void
}

export interface StoreCalls {
  add(giveUp: StoreCall['giveUp']): StoreCall
  /** False when it has been given up. */
  remove(call: StoreCall): boolean
  /** Gives up on all of them: the executor is closed. */
  close(): void
}

export function createStoreCalls(clock: Clock, timers: TimerQueue): StoreCalls {
  // In order of their deadlines: a Set keeps the order of insertion.
  const waiting = new Set<StoreCall>()
  let timer: Deadline | undefined

  function look(): void {
    timer = undefined
    const overdue = clock.monotonic() - STORE_DEADLINE_MS
    for (const call of waiting) {
      if (call.sinceMs > overdue) {
        timer = timers.after(call.sinceMs - overdue, look, false)
        return
      }
      waiting.delete(call)
      call.giveUp('timeout', `no answer within ${STORE_DEADLINE_MS} ms`)
    }
  }

  return {
    add(giveUp) {
      const call = { sinceMs: clock.monotonic(), giveUp }
      waiting.add(call)
      // Left running when its call is answered: it looks for the next one then.
      timer ??= timers.after(STORE_DEADLINE_MS, look, false)
      return call
    },
    remove: (call) => waiting.delete(call),
    close() {
      for (const { giveUp } of waiting) giveUp('closed', 'no answer before the executor was closed')
      waiting.clear()
    },
  }
}
