/** The inline engine, for tests: enqueue runs the task in the caller, through the same JSON round trip. */

import type { Deadline } from '../task/timer-queue.ts'
import type { Engine, EngineHost, EngineItem } from './engine.ts'
import { goesBefore } from './local/ready-queue.ts'

/**
 * Runs each attempt at once, without slots: `await executor.enqueue(…)` answers when the task has ended, or waits for a
 * later time. What is due later (a delay, a retry) runs when its time comes; `executor.drain()` waits for it.
 */
export function inlineEngine<Item extends EngineItem = EngineItem>(): Engine<Item> {
  const later = new Map<Item, Deadline>()
  const held: Item[] = []
  let host: EngineHost<Item>
  let active = 0
  let paused = false
  let stopped = false

  function run(item: Item): void | Promise<void> {
    if (paused) {
      held.push(item)
      return
    }
    active += 1
    return host.run(item)
  }

  function removeAll(): readonly Item[] {
    const items = [...held.splice(0), ...later.keys()]
    for (const deadline of later.values()) deadline.cancel()
    later.clear()
    return items
  }

  return {
    name: 'inline',
    awaitsRuns: true,
    start(given) {
      host = given
    },
    // Never ahead of the insert: `add` runs it, and enqueue waits for that.
    reserve: () => false,
    add(item) {
      if (stopped) return
      const delayMs = item.dueAt - host.clock.now()
      if (delayMs <= 0) return run(item)
      const come = (): void => {
        later.delete(item)
        void run(item)
      }
      later.set(item, host.timers.after(delayMs, come, item.keepAlive))
    },
    remove(item) {
      const deadline = later.get(item)
      deadline?.cancel()
      const index = held.indexOf(item)
      if (index >= 0) held.splice(index, 1)
      return later.delete(item) || index >= 0
    },
    release() {
      active -= 1
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      for (const item of held.splice(0).toSorted((a, b) => (goesBefore(a, b) ? -1 : 1)))
        void run(item)
    },
    refresh() {},
    stats: () => ({ active, waiting: held.length, scheduled: later.size }),
    waiting: () => held.length,
    held: () => held.length + later.size,
    removeAll,
    stop() {
      stopped = true
      return removeAll()
    },
  }
}
