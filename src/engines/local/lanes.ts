/** What is due, in a lane for each queue: by priority over all of them, and among equals in turns, so that none starves another. */

import { createHeap } from '../../task/heap.ts'
import type { Writable } from '../../task/writable.ts'
import type { EngineItem } from '../engine.ts'
import { createReadyQueue, goesBefore, type ReadyQueue } from './ready-queue.ts'

export interface Lanes<Item extends EngineItem> {
  /** Items that wait in the lanes. */
  readonly size: number
  push(item: Item): void
  pop(): Item | undefined
  remove(item: Item): boolean
  removeAll(): Item[]
  /** Whether something waits that `item` must not overtake. */
  isBehind(item: Item): boolean
  /** Counts an item as held from `arrived` until `left`, whether it is in its lane already or not. */
  arrived(item: Item): void
  left(item: Item): void
  heldIn(queue: string): number
  lastPriority(queue: string): number | undefined
  shed(queue: string, keep: number): Item[]
}

interface Lane<Item extends EngineItem> {
  readonly queue: string
  readonly ready: ReadyQueue<Item>
  held: number
  /** When it was its turn last: the lane with the smallest number is next. */
  turn: number
  /** Where it stands among the others; while it is the only one, or has nothing to give, nowhere. */
  standing: Standing<Item> | undefined
}

interface Standing<Item extends EngineItem> {
  readonly lane: Lane<Item>
  readonly priority: number
  readonly turn: number
  /** Of its first item: orders lanes that have not had a turn yet. */
  readonly position: number
}

export function createLanes<Item extends EngineItem>(): Lanes<Item> {
  const lanes = new Map<string, Lane<Item>>()
  let turns = 0
  // Most programs have one queue, and all look up the same one many times in a row.
  let latest: Lane<Item> | undefined

  // With several lanes: who is next, however many there are. A standing that is not its lane's any more is passed over.
  const standings = createHeap<Standing<Item>>((a, b) => {
    if (a.priority !== b.priority) return a.priority > b.priority
    return a.turn === b.turn ? a.position < b.position : a.turn < b.turn
  })

  function laneOf(queue: string): Lane<Item> {
    if (latest?.queue === queue) return latest
    let lane = lanes.get(queue)
    if (lane === undefined) {
      const only = lanes.size === 1 ? onlyLane() : undefined
      lane = { queue, ready: createReadyQueue<Item>(), held: 0, turn: turns, standing: undefined }
      lanes.set(queue, lane)
      if (only !== undefined) stand(only)
    }
    latest = lane
    return lane
  }

  function onlyLane(): Lane<Item> {
    return (latest ??= lanes.values().next().value as Lane<Item>)
  }

  /** The head of the lane, or its turn, may be another one. */
  function stand(lane: Lane<Item>): void {
    if (lanes.size === 1) return
    const first = lane.ready.peek()
    const { standing, turn } = lane
    if (first === undefined) {
      lane.standing = undefined
    } else if (standing?.priority !== first.priority || standing.turn !== turn) {
      lane.standing = { lane, priority: first.priority, turn, position: first.position }
      standings.push(lane.standing)
      if (standings.size > 2 * lanes.size + 64) standings.removeAll((each) => !isCurrent(each))
    }
  }

  function isCurrent(standing: Standing<Item>): boolean {
    return standing.lane.standing === standing
  }

  function next(): Lane<Item> | undefined {
    if (lanes.size === 1) {
      const only = onlyLane()
      return only.ready.size === 0 ? undefined : only
    }
    for (;;) {
      const best = standings.peek()
      if (best === undefined || isCurrent(best)) return best?.lane
      standings.pop()
    }
  }

  function forgetIfEmpty(lane: Lane<Item>): void {
    if (lane.held > 0 || lane.ready.size > 0 || lanes.size === 1) return
    lanes.delete(lane.queue)
    if (latest === lane) latest = undefined
    if (lanes.size > 1) return
    standings.removeAll(() => true)
    onlyLane().standing = undefined
  }

  const all: Writable<Lanes<Item>> = {
    size: 0,
    push(item) {
      const lane = laneOf(item.queue)
      lane.ready.push(item)
      all.size += 1
      stand(lane)
    },
    pop() {
      if (all.size === 0) return undefined
      const lane = next()
      const item = lane?.ready.pop()
      if (lane === undefined || item === undefined) return undefined
      all.size -= 1
      turns += 1
      lane.turn = turns
      stand(lane)
      return item
    },
    remove(item) {
      const lane = lanes.get(item.queue)
      if (lane?.ready.remove(item) !== true) return false
      all.size -= 1
      stand(lane)
      return true
    },
    removeAll() {
      const items = [...lanes.values()].flatMap((lane) => lane.ready.removeAll())
      lanes.clear()
      standings.removeAll(() => true)
      latest = undefined
      all.size = 0
      return items.sort((a, b) => (goesBefore(a, b) ? -1 : 1))
    },
    isBehind(item) {
      if (all.size === 0) return false
      const lane = next()
      const first = lane?.ready.peek()
      if (lane === undefined || first === undefined) return false
      // Of another queue: who waits goes first.
      return lane.queue === item.queue ? goesBefore(first, item) : first.priority >= item.priority
    },
    arrived(item) {
      laneOf(item.queue).held += 1
    },
    left(item) {
      const lane = laneOf(item.queue)
      lane.held -= 1
      if (lane.held <= 0) forgetIfEmpty(lane)
    },
    heldIn: (queue) => lanes.get(queue)?.held ?? 0,
    lastPriority: (queue) => lanes.get(queue)?.ready.last()?.priority,
    shed(queue, keep) {
      const lane = lanes.get(queue)
      if (lane === undefined || lane.ready.size <= keep) return []
      const items = lane.ready.removeAll()
      for (const item of items.slice(0, keep)) lane.ready.push(item)
      const shed = items.slice(keep)
      all.size -= shed.length
      lane.held -= shed.length
      return shed
    },
  }
  return all
}
