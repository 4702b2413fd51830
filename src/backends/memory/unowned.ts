/** Live rows that nobody owns: best first within each queue and task name, so that a claim never looks at the others. */

import { createHeap, type Heap } from '../../task/heap.ts'
import { isTerminal } from '../../task/status.ts'
import type { ClaimQuery } from '../backend.ts'
import { dueLaterAt, MAX_DUE_PER_CLAIM } from '../due.ts'
import { createQueueRoom } from '../queue-room.ts'
import type { Row } from './row.ts'

export interface UnownedRows {
  add(row: Row): void
  /** Says that a row which was added has got an owner. It leaves its heap when it comes to the top, or with many others. */
  taken(row: Row): void
  /** Lets claims see what has become due, the oldest first. Answers whether there is more than one call does. */
  makeDue(query: ClaimQuery): boolean
  /** The best matching rows, each of which the caller takes at once. */
  best(query: ClaimQuery): Row[]
  countExcept(names: readonly string[]): Record<string, number>
}

/** So many rows that somebody has taken may stay in a heap, beside twice as many as are there. */
const SLACK = 1_000

interface Bucket {
  readonly queue: string
  readonly name: string
  /** Rows that were due when they came, or have become due. */
  readonly heap: Heap<Row>
  /** How many rows there are, those due later included. */
  size: number
}

/** A row by its due time, which the row's own state may leave behind. */
interface Later {
  readonly row: Row
  readonly dueAt: number
}

export function createUnownedRows(): UnownedRows {
  const buckets = new Map<string, Bucket>()
  const later = createHeap<Later>(isEarlier)
  let size = 0

  function bucketOf(row: Row): Bucket {
    const { queue, name } = row.spec
    const index = `${queue} ${name}`
    let bucket = buckets.get(index)
    if (bucket === undefined) {
      bucket = { queue, name, heap: createHeap(isBefore), size: 0 }
      buckets.set(index, bucket)
    }
    return bucket
  }

  /** The first of the heap that is there to be claimed. */
  function top(heap: Heap<Row>, dueBefore: number): Row | undefined {
    for (let row = heap.peek(); row !== undefined; row = heap.peek()) {
      const dueAt = isClaimable(row) ? dueLaterAt(row.state) : undefined
      const isDue = dueAt === undefined || dueAt <= dueBefore
      if (isDue && isClaimable(row)) return row
      heap.pop()
      // The clock was set back since it became due, or it was given up again for later.
      if (dueAt !== undefined && !isDue) later.push({ row, dueAt })
    }
    return undefined
  }

  /** Nobody may ever come to what is cancelled long before it is due, or lies below what keeps coming. */
  function prune({ heap, size: live }: Bucket): void {
    if (heap.size > 2 * live + SLACK) heap.removeAll((row) => !isClaimable(row))
    if (later.size > 2 * size + SLACK) later.removeAll((each) => !isAwaited(each))
  }

  return {
    add(row) {
      const bucket = bucketOf(row)
      const dueAt = dueLaterAt(row.state)
      if (dueAt === undefined) bucket.heap.push(row)
      else later.push({ row, dueAt })
      bucket.size += 1
      size += 1
    },
    taken(row) {
      const { queue, name } = row.spec
      const index = `${queue} ${name}`
      const bucket = buckets.get(index)
      if (bucket === undefined) return
      bucket.size -= 1
      size -= 1
      if (bucket.size === 0) buckets.delete(index)
      prune(bucket)
    },
    makeDue({ dueBefore, limit }) {
      const max = Math.max(limit, MAX_DUE_PER_CLAIM)
      for (let count = 0; ; count++) {
        const next = later.peek()
        if (next === undefined || next.dueAt > dueBefore) return false
        if (count === max) return true
        later.pop()
        if (isAwaited(next)) bucketOf(next.row).heap.push(next.row)
      }
    },
    best(query) {
      const { queue, limit, dueBefore } = query
      const names = new Set(query.names)
      const room = createQueueRoom(query)
      const leaders = createHeap<Bucket>(leadsBefore)
      for (const bucket of buckets.values()) {
        const isAsked = names.has(bucket.name) && (queue === undefined || queue === bucket.queue)
        if (isAsked && top(bucket.heap, dueBefore) !== undefined) leaders.push(bucket)
      }
      const rows: Row[] = []
      while (rows.length < limit) {
        const bucket = leaders.pop()
        if (bucket === undefined) break
        if (!room.hasRoom(bucket.queue)) continue
        const row = bucket.heap.pop() as Row
        // A row that lost its owner again while it was still in its heap is there twice, side by side.
        if (rows.at(-1) !== row) {
          rows.push(row)
          room.taken(bucket.queue)
        }
        if (top(bucket.heap, dueBefore) !== undefined) leaders.push(bucket)
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

/** Whether the row is one that a claim may take, once it is due. */
export function isClaimable({ state }: Row): boolean {
  return state.owner === null && state.hold === undefined && !isTerminal(state.status)
}

/** Not one that was taken since, nor one that is here again with another time. */
function isAwaited({ row, dueAt }: Later): boolean {
  return isClaimable(row) && dueLaterAt(row.state) === dueAt
}

function isBefore(a: Row, b: Row): boolean {
  const first = a.spec.priority
  const second = b.spec.priority
  return first === second ? a.position < b.position : first > second
}

/** Of two buckets whose tops can be claimed, which has the better one. */
function leadsBefore(a: Bucket, b: Bucket): boolean {
  return isBefore(a.heap.peek() as Row, b.heap.peek() as Row)
}

function isEarlier(a: Later, b: Later): boolean {
  return a.dueAt === b.dueAt ? a.row.position < b.row.position : a.dueAt < b.dueAt
}
