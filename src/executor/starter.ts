/** Starts attempts in the base async context, soon, in order, and without keeping the event loop to itself. */

import type { BaseContext } from '../context/scope.ts'
import type { LiveTask } from './live-task.ts'

export interface Starter {
  begin(live: LiveTask): void
  defer(start: () => void): void
}

/** So many starts may follow each other on microtasks; then timers and I/O have their turn. */
const STARTS_PER_TURN = 512

export function createStarter(base: BaseContext, begin: (live: LiveTask) => void): Starter {
  let tasks: LiveTask[] = []
  let calls: (() => void)[] = []
  let isDue = false
  let thisTurn = 0
  let resetIsDue = false

  const flush = (): void => {
    isDue = false
    const ready = tasks
    const due = calls
    if (ready.length > 0) tasks = []
    if (due.length > 0) calls = []
    thisTurn += ready.length + due.length
    for (const live of ready) begin(live)
    for (const start of due) start()
  }
  const flushInBase = (): void => base.run(flush)

  function schedule(): void {
    if (isDue) return
    isDue = true
    if (thisTurn < STARTS_PER_TURN) queueMicrotask(flushInBase)
    else base.run(() => setImmediate(flush))
    if (resetIsDue) return
    resetIsDue = true
    base.run(() =>
      setImmediate(() => {
        resetIsDue = false
        thisTurn = 0
      }),
    )
  }

  return {
    begin(live) {
      tasks.push(live)
      schedule()
    },
    defer(start) {
      calls.push(start)
      schedule()
    },
  }
}
