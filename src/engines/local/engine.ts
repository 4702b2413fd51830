/** The local engine: slots of this process, a ready queue, and one timer for what is due later. */

import type { Deadline } from '../../task/timer-queue.ts'
import type { Engine, EngineHost, EngineItem } from '../engine.ts'
import { createLanes } from './lanes.ts'
import { createReadyQueue, type ReadyQueue } from './ready-queue.ts'

/**
 * Runs attempts in this process, at most `concurrency` at once: by priority, then the queues in turns, each in order of
 * insertion.
 */
export function localEngine<Item extends EngineItem = EngineItem>(): Engine<Item> {
  const ready = createLanes<Item>()
  // Tasks at a limit of their own wait aside, so that they hold up no other task.
  const limited = new Map<string, { active: number; waiting: ReadyQueue<Item> }>()
  const later = new Map<Item, Deadline>()
  let host: EngineHost<Item>
  let active = 0
  let aside = 0
  let paused = false
  let stopped = false
  let pumpIsDue = false
  // Running, with their slot lent; and those of them that want it back.
  const lent = new Set<Item>()
  const returning: { readonly item: Item; readonly goOn: () => void }[] = []

  function limitOf(name: string): { active: number; waiting: ReadyQueue<Item> } | undefined {
    let entry = limited.get(name)
    if (entry === undefined) {
      if (host.taskConcurrency(name) === Infinity) return undefined
      entry = { active: 0, waiting: createReadyQueue<Item>() }
      limited.set(name, entry)
    }
    return entry
  }

  function take(item: Item): void {
    active += 1
    const own = limitOf(item.name)
    if (own !== undefined) own.active += 1
  }

  function give(item: Item): void {
    // What was lent is back already; its own limit never was.
    if (!lent.delete(item)) active -= 1
    const own = limited.get(item.name)
    if (own !== undefined) {
      own.active -= 1
      readmit(own, item.name)
    }
    serve()
  }

  // Those that go on come before those that begin.
  function serve(): void {
    while (returning.length > 0 && (stopped || active < host.concurrency())) {
      const next = returning.shift()
      if (next !== undefined && lent.delete(next.item)) active += 1
      next?.goOn()
    }
    if (ready.size > 0) schedulePump()
  }

  function isAtOwnLimit(name: string): boolean {
    const own = limitOf(name)
    return own !== undefined && own.active >= host.taskConcurrency(name)
  }

  function schedulePump(): void {
    if (pumpIsDue) return
    pumpIsDue = true
    host.defer(pump)
  }

  function pump(): void {
    pumpIsDue = false
    while (!paused && !stopped && active < host.concurrency()) {
      const item = ready.pop()
      if (item === undefined) return
      const own = limitOf(item.name)
      if (own !== undefined && own.active >= host.taskConcurrency(item.name)) {
        own.waiting.push(item)
        ready.left(item)
        aside += 1
        continue
      }
      ready.left(item)
      take(item)
      void host.run(item)
    }
  }

  // Those that waited aside go back with their old place, so the order among all of them stays exact.
  function readmit(own: { active: number; waiting: ReadyQueue<Item> }, name: string): void {
    let free = host.taskConcurrency(name) - own.active
    for (; free > 0; free--) {
      const item = own.waiting.pop()
      if (item === undefined) return
      aside -= 1
      ready.arrived(item)
      ready.push(item)
    }
  }

  function enter(item: Item): void {
    ready.push(item)
    if (active < host.concurrency()) schedulePump()
  }

  function remove(item: Item): boolean {
    const deadline = later.get(item)
    deadline?.cancel()
    if (deadline === undefined ? ready.remove(item) : later.delete(item)) {
      ready.left(item)
      return true
    }
    const own = limited.get(item.name)
    if (own?.waiting.remove(item) !== true) return false
    aside -= 1
    return true
  }

  function removeAll(): readonly Item[] {
    const items = [...later.keys()]
    for (const deadline of later.values()) deadline.cancel()
    later.clear()
    for (const own of limited.values()) items.push(...own.waiting.removeAll())
    aside = 0
    return [...ready.removeAll(), ...items]
  }

  return {
    name: 'local',
    start(given) {
      host = given
    },
    reserve(item) {
      if (paused || stopped || active >= host.concurrency()) return false
      if (ready.isBehind(item)) return false
      if (isAtOwnLimit(item.name)) return false
      take(item)
      return true
    },
    add(item) {
      if (stopped) return
      ready.arrived(item)
      const delayMs = item.dueAt - host.clock.now()
      if (delayMs <= 0) {
        enter(item)
        return
      }
      const come = (): void => {
        later.delete(item)
        // Timers go by the monotonic clock; when the wall clock was set back meanwhile, the delay still counts.
        enter(item)
      }
      later.set(item, host.timers.after(delayMs, come, item.keepAlive))
    },
    remove,
    release: give,
    lend(item) {
      lent.add(item)
      active -= 1
      serve()
    },
    takeBack(item) {
      if (!lent.has(item)) return
      if (active < host.concurrency() && returning.length === 0) {
        lent.delete(item)
        active += 1
        return
      }
      return new Promise((goOn) => {
        returning.push({ item, goOn })
      })
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      schedulePump()
    },
    refresh() {
      for (const [name, own] of limited) readmit(own, name)
      serve()
      schedulePump()
    },
    stats: () => ({ active, waiting: ready.size + aside, scheduled: later.size }),
    heldIn: ready.heldIn,
    setAside: (name) => limited.get(name)?.waiting.size ?? 0,
    lastPriority: ready.lastPriority,
    shed: ready.shed,
    get waiting() {
      return ready.size + aside
    },
    get held() {
      return ready.size + aside + later.size
    },
    removeAll,
    stop() {
      stopped = true
      const items = removeAll()
      serve()
      return items
    },
  }
}
