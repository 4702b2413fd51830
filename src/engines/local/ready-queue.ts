/** Items that are due, by priority downwards, then by position. */

import { createHeap, type Heap } from '../../task/heap.ts'
import type { Writable } from '../../task/writable.ts'
import type { EngineItem } from '../engine.ts'

export interface ReadyQueue<Item extends EngineItem> {
  readonly size: number
  push(item: Item): void
  peek(): Item | undefined
  pop(): Item | undefined
  /** An item that nothing here goes after; `undefined` when that is not known, or there is none. */
  last(): Item | undefined
  remove(item: Item): boolean
  removeAll(): Item[]
}

/** Whether `a` goes before `b`. */
export function goesBefore(a: EngineItem, b: EngineItem): boolean {
  return a.priority === b.priority ? a.position < b.position : a.priority > b.priority
}

/**
 * Most items come in the order in which they go: those wait in a ring, where both ends are O(1). Only one that has to
 * overtake goes to a heap; the better of the two heads is next. What is removed stays in its place, where others are
 * still compared with it, until it comes to the head or makes up half of what is held. Priority and position of an
 * item must not change.
 */
export function createReadyQueue<Item extends EngineItem>(): ReadyQueue<Item> {
  const early: Heap<Item> = createHeap<Item>(goesBefore)
  let ring: (Item | undefined)[] = []
  let head = 0
  const removed = new Set<Item>()
  // Those in the heap that are not removed. Kept from the first removal that asks for it until the heap is empty.
  let earlyItems: Set<Item> | undefined

  /** Where the item is in the ring, or -1; O(log n). */
  function indexOf(item: Item): number {
    let from = head
    let to = ring.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (goesBefore(ring[middle] as Item, item)) from = middle + 1
      else to = middle
    }
    return ring[from] === item ? from : -1
  }

  function popEarly(): Item | undefined {
    const item = early.pop()
    if (earlyItems === undefined) return item
    if (early.size === 0) earlyItems = undefined
    else earlyItems.delete(item as Item)
    return item
  }

  /** Lets go of what was removed and has come to a head. */
  function skipRemoved(): void {
    while (head < ring.length && removed.delete(ring[head] as Item)) {
      ring[head] = undefined
      head += 1
    }
    for (let item = early.peek(); item !== undefined && removed.delete(item); item = early.peek()) {
      popEarly()
    }
  }

  /** Lets go of all that was removed, once that is half of what is held: O(1) for each of them. */
  function sweep(): void {
    if (removed.size * 2 < ring.length - head + early.size) return
    ring = ring.slice(head).filter((item) => !removed.has(item as Item))
    head = 0
    if (earlyItems !== undefined) early.removeAll((item) => removed.has(item))
    if (early.size === 0) earlyItems = undefined
    removed.clear()
  }

  function first(): Item | undefined {
    if (removed.size > 0) skipRemoved()
    if (head > 1_024 && head * 2 > ring.length) {
      const before = ring
      ring = before.slice(head)
      head = 0
      // A dead array that is old would carry all that it holds through the garbage collection.
      before.fill(undefined)
    }
    return ring[head]
  }

  function best(): 'ring' | 'early' | undefined {
    const a = first()
    const b = early.peek()
    if (a === undefined) return b === undefined ? undefined : 'early'
    return b === undefined || goesBefore(a, b) ? 'ring' : 'early'
  }

  const queue: Writable<ReadyQueue<Item>> = {
    size: 0,
    push(item) {
      queue.size += 1
      if (removed.size > 0 && removed.delete(item)) {
        // Removed, but not let go yet: it is in its place.
        if (indexOf(item) < 0) earlyItems?.add(item)
        return
      }
      const last = ring.length > head ? ring[ring.length - 1] : undefined
      if (last === undefined || goesBefore(last, item)) {
        ring.push(item)
        return
      }
      early.push(item)
      earlyItems?.add(item)
    },
    peek() {
      const side = best()
      return side === undefined ? undefined : side === 'ring' ? ring[head] : early.peek()
    },
    pop() {
      const side = best()
      if (side === undefined) return undefined
      queue.size -= 1
      let item: Item | undefined
      if (side === 'early') item = popEarly()
      else {
        item = ring[head]
        ring[head] = undefined
        head += 1
      }
      if (removed.size > 0) sweep()
      return item
    },
    last() {
      // What is early goes before something in the ring, as long as that is there.
      for (let index = ring.length - 1; index >= head; index--) {
        const item = ring[index] as Item
        if (!removed.has(item)) return item
      }
      return undefined
    },
    remove(item) {
      if (removed.has(item)) return false
      if (indexOf(item) < 0) {
        if (early.size === 0) return false
        earlyItems ??= new Set(early.values())
        if (!earlyItems.delete(item)) return false
      }
      removed.add(item)
      queue.size -= 1
      sweep()
      return true
    },
    removeAll() {
      const items = [...(ring.slice(head) as Item[]), ...early.removeAll(() => true)]
      const left = items.filter((item) => !removed.has(item))
      queue.size = 0
      ring = []
      head = 0
      removed.clear()
      earlyItems = undefined
      return left.sort((a, b) => (goesBefore(a, b) ? -1 : 1))
    },
  }
  return queue
}
