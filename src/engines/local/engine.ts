/** The local engine: slots of this process, a ready queue, and one timer for what is due later. */

import type { Deadline } from '../../task/timer-queue.ts'
import { AHEAD_MS, type Engine, type EngineHost, type EngineItem } from '../engine.ts'
import { createLanes } from './lanes.ts'
import { createLastChance } from './last-chance.ts'
import { createReadyQueue, type ReadyQueue } from './ready-queue.ts'

/** Tasks that may not run beside each other without bound: how many run, and which of them wait for that. */
interface Limit<Item extends EngineItem> {
  active: number
  readonly waiting: ReadyQueue<Item>
}

/** An item that is not due yet. */
interface Later {
  readonly deadline: Deadline
  /** Due within `AHEAD_MS` when it was added. */
  readonly isSoon: boolean
}

/**
 * Runs attempts in this process, at most `concurrency` at once: by priority, then the queues in turns, each in order of
 * insertion.
 */
export function localEngine<Item extends EngineItem = EngineItem>(): Engine<Item> {
  const ready = createLanes<Item>()
  // Tasks at a limit of their own wait aside, so that they hold up no other task.
  const limited = new Map<string, Limit<Item>>()
  // The latest that had no limit: most come in runs of one name, and pass here three times. Until limits change.
  let unlimited: string | undefined
  // Those that crashes have cut off wait for each other.
  const suspects: Limit<Item> = { active: 0, waiting: createReadyQueue<Item>() }
  const later = new Map<Item, Later>()
  /** How many of `later` do not count as held yet, by queue. */
  const far = new Map<string, number>()
  let host: EngineHost<Item>
  let active = 0
  let aside = 0
  let paused = false
  let stopped = false
  let pumpIsDue = false
  // Running, with their slot lent; and those of them that want it back.
  const lent = new Set<Item>()
  const returning: { readonly item: Item; readonly goOn: () => void }[] = []

  const lastChance = createLastChance<Item>(
    () => host.timers,
    (item) => {
      aside -= 1
      take(item)
      void host.run(item)
    },
    schedulePump,
  )

  function limitOf(name: string): Limit<Item> | undefined {
    if (name === unlimited) return undefined
    let entry = limited.get(name)
    if (entry === undefined) {
      if (host.taskConcurrency(name) === Infinity) {
        unlimited = name
        return undefined
      }
      entry = { active: 0, waiting: createReadyQueue<Item>() }
      limited.set(name, entry)
    }
    return entry
  }

  function take(item: Item): void {
    active += 1
    const own = limitOf(item.name)
    if (own !== undefined) own.active += 1
    if (item.isSuspect === true) suspects.active += 1
  }

  function give(item: Item): void {
    // What was lent is back already; its own limit never was.
    if (!lent.delete(item)) active -= 1
    const own = item.name === unlimited ? undefined : limited.get(item.name)
    if (own !== undefined) {
      own.active -= 1
      readmit(own, host.taskConcurrency(item.name))
    }
    if (item.isSuspect === true) {
      suspects.active -= 1
      readmit(suspects, 1)
    }
    if (lastChance.isQuiet) lastChance.ended(item, active === 0)
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

  /** The limit at which the item has to wait. */
  function obstacleTo(item: Item): Limit<Item> | undefined {
    if (item.isSuspect === true && suspects.active > 0) return suspects
    const own = limitOf(item.name)
    return own !== undefined && own.active >= host.taskConcurrency(item.name) ? own : undefined
  }

  function schedulePump(): void {
    if (pumpIsDue) return
    pumpIsDue = true
    host.defer(pump)
  }

  function pump(): void {
    pumpIsDue = false
    while (!paused && !stopped && active < host.concurrency() && !lastChance.isQuiet) {
      const item = ready.pop()
      if (item === undefined) return
      ready.left(item)
      if (item.isLastChance === true) {
        aside += 1
        lastChance.enter(item)
        if (active === 0) lastChance.ended(item, true)
        return
      }
      const limit = obstacleTo(item)
      if (limit !== undefined) {
        limit.waiting.push(item)
        aside += 1
        continue
      }
      take(item)
      void host.run(item)
    }
  }

  // Those that waited aside go back with their old place, so the order among all of them stays exact.
  function readmit({ active: taken, waiting }: Limit<Item>, concurrency: number): void {
    for (let free = concurrency - taken; free > 0; free--) {
      const item = waiting.pop()
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

  function countFar(queue: string, change: 1 | -1): void {
    const count = (far.get(queue) ?? 0) + change
    if (count === 0) far.delete(queue)
    else far.set(queue, count)
  }

  function remove(item: Item): boolean {
    const waits = later.get(item)
    if (waits !== undefined) {
      waits.deadline.cancel()
      later.delete(item)
      if (waits.isSoon) ready.left(item)
      else countFar(item.queue, -1)
      return true
    }
    if (ready.remove(item)) {
      ready.left(item)
      return true
    }
    const isAside =
      limited.get(item.name)?.waiting.remove(item) === true ||
      suspects.waiting.remove(item) ||
      lastChance.remove(item)
    if (isAside) aside -= 1
    return isAside
  }

  function removeAll(): readonly Item[] {
    const items = [...later.keys()]
    for (const { deadline } of later.values()) deadline.cancel()
    later.clear()
    far.clear()
    for (const { waiting } of [...limited.values(), suspects]) items.push(...waiting.removeAll())
    const { waiting: alone } = lastChance
    if (alone !== undefined && lastChance.remove(alone)) items.push(alone)
    aside = 0
    return [...ready.removeAll(), ...items]
  }

  return {
    name: 'local',
    start(given) {
      host = given
    },
    reserve(item) {
      if (paused || stopped || active >= host.concurrency() || lastChance.isQuiet) return false
      if (ready.isBehind(item)) return false
      if (obstacleTo(item) !== undefined) return false
      take(item)
      return true
    },
    add(item) {
      if (stopped) return
      const delayMs = item.isDue === true ? 0 : item.dueAt - host.clock.now()
      const isSoon = delayMs <= AHEAD_MS
      if (isSoon) ready.arrived(item)
      else countFar(item.queue, 1)
      if (delayMs <= 0) {
        enter(item)
        return
      }
      const come = (): void => {
        later.delete(item)
        if (!isSoon) {
          countFar(item.queue, -1)
          ready.arrived(item)
        }
        // Timers go by the monotonic clock; when the wall clock was set back meanwhile, the delay still counts.
        enter(item)
      }
      const deadline = host.timers.after(delayMs, come, item.keepAlive)
      later.set(item, { deadline, isSoon })
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
      unlimited = undefined
      for (const [name, own] of limited) readmit(own, host.taskConcurrency(name))
      serve()
      schedulePump()
    },
    stats: () => ({ active, waiting: ready.size + aside, scheduled: later.size }),
    heldIn: ready.heldIn,
    laterIn: (queue) => far.get(queue) ?? 0,
    setAside: (name) => limited.get(name)?.waiting.size ?? 0,
    lastPriority: ready.lastPriority,
    shed: ready.shed,
    waiting: () => ready.size + aside,
    held: () => ready.size + aside + later.size,
    removeAll,
    stop() {
      stopped = true
      const items = removeAll()
      serve()
      return items
    },
  }
}
