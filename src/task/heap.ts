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
  let items: T[] = []

  function up(start: number, item: T): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = items[parent] as T
      if (!isBefore(item, above)) break
      items[index] = above
      index = parent
    }
    items[index] = item
  }

  function down(start: number, item: T): void {
    const { length } = items
    let index = start
    for (;;) {
      let child = index * 2 + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(items[child + 1] as T, items[child] as T)) child += 1
      const below = items[child] as T
      if (!isBefore(below, item)) break
      items[index] = below
      index = child
    }
    items[index] = item
  }

  return {
    get size() {
      return items.length
    },
    push(item) {
      items.push(item)
      up(items.length - 1, item)
    },
    peek: () => items[0],
    pop() {
      const first = items[0]
      const last = items.pop()
      if (items.length > 0) down(0, last as T)
      return first
    },
    values: () => items.values(),
    removeAll(matches) {
      const removed: T[] = []
      const kept: T[] = []
      for (const item of items) (matches(item) ? removed : kept).push(item)
      if (removed.length > 0) {
        items = kept
        for (let index = (items.length >> 1) - 1; index >= 0; index--)
          down(index, items[index] as T)
      }
      return removed
    },
  }
}
