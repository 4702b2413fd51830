/** Live rows that nobody owns: best first within each queue and task name, so that a claim never looks at the others. */

import { createHeap, type Heap } from '../../task/heap.ts'
import { isTerminal } from '../../task/status.ts'
import type { ClaimQuery } from '../backend.ts'
import type { Row } from './row.ts'

export interface UnownedRows {
  add(row: Row): void
  /** Says that a row which was added has got an owner. It leaves its heap when it comes to the top. */
  taken(row: Row): void
  /** The best matching rows, each of which the caller takes at once. */
  best(query: ClaimQuery): Row[]
  countExcept(names: readonly string[]): Record<string, number>
}

interface Bucket {
  readonly queue: string
  readonly name: string
  readonly heap: Heap<Row>
  size: number
}

export function createUnownedRows(): UnownedRows {
  const buckets = new Map<string, Bucket>()

  return {
    add(row) {
      const { queue, name } = row.spec
      const index = `${queue} ${name}`
      let bucket = buckets.get(index)
      if (bucket === undefined) {
        bucket = { queue, name, heap: createHeap(isBefore), size: 0 }
        buckets.set(index, bucket)
      }
      bucket.heap.push(row)
      bucket.size += 1
    },
    taken(row) {
      const { queue, name } = row.spec
      const index = `${queue} ${name}`
      const bucket = buckets.get(index)
      if (bucket === undefined) return
      bucket.size -= 1
      if (bucket.size === 0) buckets.delete(index)
    },
    best(query) {
      const heaps: Heap<Row>[] = []
      for (const bucket of buckets.values()) {
        const asked = query.queue === undefined || query.queue === bucket.queue
        if (asked && query.names.includes(bucket.name)) heaps.push(bucket.heap)
      }
      const rows: Row[] = []
      while (rows.length < query.limit) {
        let best: Heap<Row> | undefined
        for (const heap of heaps) {
          const row = top(heap)
          const leader = best?.peek()
          if (row !== undefined && (leader === undefined || isBefore(row, leader))) best = heap
        }
        const row = best?.pop()
        if (row === undefined) break
        // A row that lost its owner again while it was still in its heap is there twice, side by side.
        if (rows.at(-1) !== row) rows.push(row)
      }
      return rows
    },
    countExcept(names) {
      const counts: Record<string, number> = {}
      for (const { name, size } of buckets.values()) {
        if (!names.includes(name)) counts[name] = (counts[name] ?? 0) + size
      }
      return counts
    },
  }
}

/** Whether the row is one that a claim may take. */
export function isClaimable({ state }: Row): boolean {
  return state.owner === null && state.hold === undefined && !isTerminal(state.status)
}

function isBefore(a: Row, b: Row): boolean {
  const first = a.spec.priority
  const second = b.spec.priority
  return first === second ? a.position < b.position : first > second
}

function top(heap: Heap<Row>): Row | undefined {
  for (let row = heap.peek(); row !== undefined; row = heap.peek()) {
    if (isClaimable(row)) return row
    heap.pop()
  }
  return undefined
}
