/** Items that are due, by priority downwards, then by position. */

import { createHeap, type Heap } from '../../task/heap.ts'
import type { EngineItem } from '../engine.ts'

export interface ReadyQueue<Item extends EngineItem> {
  readonly size: number
  push(item: Item): void
  peek(): Item | undefined
  pop(): Item | undefined
  remove(item: Item): boolean
  removeAll(): Item[]
}

/** Whether `a` goes before `b`. */
export function goesBefore(a: EngineItem, b: EngineItem): boolean {
  return a.priority === b.priority ? a.position < b.position : a.priority > b.priority
}

/**
 * Most items come in the order in which they go: those wait in a ring, where both ends are O(1). Only one that has to
 * overtake goes to a heap; the better of the two heads is next.
 */
export function createReadyQueue<Item extends EngineItem>(): ReadyQueue<Item> {
  const early: Heap<Item> = createHeap<Item>(goesBefore)
  let ring: (Item | undefined)[] = []
  let head = 0
  let removed = 0

  function first(): Item | undefined {
    while (head < ring.length && ring[head] === undefined) {
      head += 1
      removed -= 1
    }
    if (head > 1_024 && head * 2 > ring.length) {
      ring = ring.slice(head)
      head = 0
    }
    return ring[head]
  }

  function best(): 'ring' | 'early' | undefined {
    const a = first()
    const b = early.peek()
    if (a === undefined) return b === undefined ? undefined : 'early'
    return b === undefined || goesBefore(a, b) ? 'ring' : 'early'
  }

  return {
    get size() {
      return ring.length - head - removed + early.size
    },
    push(item) {
      const last = ring.length > head ? ring[ring.length - 1] : undefined
      if (ring.length === head || (last !== undefined && goesBefore(last, item))) ring.push(item)
      else early.push(item)
    },
    peek() {
      const side = best()
      return side === undefined ? undefined : side === 'ring' ? ring[head] : early.peek()
    },
    pop() {
      const side = best()
      if (side === undefined) return undefined
      if (side === 'early') return early.pop()
      const item = ring[head]
      ring[head] = undefined
      head += 1
      return item
    },
    remove(item) {
      const index = ring.indexOf(item, head)
      if (index < 0) return early.removeAll((each) => each === item).length > 0
      ring[index] = undefined
      removed += 1
      return true
    },
    removeAll() {
      const items = ring.slice(head).filter((item) => item !== undefined)
      ring = []
      head = 0
      removed = 0
      return [...items, ...early.removeAll(() => true)].sort((a, b) => (goesBefore(a, b) ? -1 : 1))
    },
  }
}
