/** What is due, in a lane for each queue: by priority over all of them, and among equals in turns, so that none starves another. */

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
  /** Counts an item as held from `arrived` until `left`, whether it is in its lane, not due yet, or set aside. */
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
}

export function createLanes<Item extends EngineItem>(): Lanes<Item> {
  const lanes = new Map<string, Lane<Item>>()
  let size = 0
  let turns = 0
  // Most programs have one queue, and all look up the same one many times in a row.
  let latest: Lane<Item> | undefined

  function laneOf(queue: string): Lane<Item> {
    if (latest?.queue === queue) return latest
    let lane = lanes.get(queue)
    if (lane === undefined) {
      lane = { queue, ready: createReadyQueue<Item>(), held: 0, turn: turns }
      lanes.set(queue, lane)
    }
    latest = lane
    return lane
  }

  function next(): Lane<Item> | undefined {
    if (lanes.size === 1 && latest !== undefined)
      return latest.ready.size === 0 ? undefined : latest
    let best: Lane<Item> | undefined
    let bestPriority = -Infinity
    for (const lane of lanes.values()) {
      const priority = lane.ready.peek()?.priority
      if (priority === undefined || priority < bestPriority) continue
      if (priority === bestPriority && best !== undefined && lane.turn >= best.turn) continue
      best = lane
      bestPriority = priority
    }
    return best
  }

  function forgetIfEmpty(lane: Lane<Item>): void {
    if (lane.held > 0 || lane.ready.size > 0 || lanes.size === 1) return
    lanes.delete(lane.queue)
    if (latest === lane) latest = undefined
  }

  return {
    get size() {
      return size
    },
    push(item) {
      laneOf(item.queue).ready.push(item)
      size += 1
    },
    pop() {
      if (size === 0) return undefined
      const lane = next()
      const item = lane?.ready.pop()
      if (lane === undefined || item === undefined) return undefined
      size -= 1
      turns += 1
      lane.turn = turns
      return item
    },
    remove(item) {
      const isHere = lanes.get(item.queue)?.ready.remove(item) === true
      if (isHere) size -= 1
      return isHere
    },
    removeAll() {
      const items = [...lanes.values()].flatMap((lane) => lane.ready.removeAll())
      lanes.clear()
      latest = undefined
      size = 0
      return items.sort((a, b) => (goesBefore(a, b) ? -1 : 1))
    },
    isBehind(item) {
      if (size === 0) return false
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
      size -= shed.length
      lane.held -= shed.length
      return shed
    },
  }
}
