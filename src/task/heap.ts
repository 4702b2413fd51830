/** A binary heap: the least item first. */

export interface Heap<T> {
  readonly size: number
  push(item: T): void
  /** The least item, left in place. */
  peek(): T | undefined
  /** Takes the least item out. */
  pop(): T | undefined
  /** All of them, in no order. */
  values(): Iterable<T>
  /** Takes out the items that `matches`, in no order; O(n). */
  removeAll(matches: (item: T) => boolean): T[]
}

export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  return new BinaryHeap(isBefore)
}

// A class: V8 looks up every property of an object literal that has a getter in a hash table.
class BinaryHeap<T> implements Heap<T> {
  readonly #isBefore: (a: T, b: T) => boolean
  #items: T[] = []

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    this.#items.push(item)
    this.#up(this.#items.length - 1, item)
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length > 0) this.#down(0, last as T)
    return first
  }

  values(): Iterable<T> {
    return this.#items.values()
  }

  removeAll(matches: (item: T) => boolean): T[] {
    const removed: T[] = []
    const kept: T[] = []
    for (const item of this.#items) (matches(item) ? removed : kept).push(item)
    if (removed.length > 0) {
      this.#items = kept
      for (let index = (kept.length >> 1) - 1; index >= 0; index--)
        this.#down(index, kept[index] as T)
    }
    return removed
  }

  #up(start: number, item: T): void {
    const items = this.#items
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = items[parent] as T
      if (!this.#isBefore(item, above)) break
      items[index] = above
      index = parent
    }
    items[index] = item
  }

  #down(start: number, item: T): void {
    const items = this.#items
    const { length } = items
    let index = start
    for (;;) {
      let child = index * 2 + 1
      if (child >= length) break
      if (child + 1 < length && this.#isBefore(items[child + 1] as T, items[child] as T)) child += 1
      const below = items[child] as T
      if (!this.#isBefore(below, item)) break
      items[index] = below
      index = child
    }
    items[index] = item
  }
}
