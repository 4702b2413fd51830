/** What a claim may take, best first: found through the index, however many records there are. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import { createHeap } from '../../task/heap.ts'
import type { ClaimQuery } from '../backend.ts'
import { MAX_DUE_PER_CLAIM } from '../due.ts'
import { createQueueRoom } from '../queue-room.ts'

export interface Best {
  /** Lets claims see what has become due, the oldest first. Answers whether there may be more than one call does. */
  makeDue(query: ClaimQuery): boolean
  /** Positions, by priority downwards, then by position. */
  find(query: ClaimQuery): readonly number[]
  /** How many there are of names other than these, by name; those due later are among them, held ones are not. */
  countExcept(names: readonly string[]): Record<string, number>
}

/** Records of one status, queue and name lie side by side in the index, best first: a group. */
interface GroupKey {
  readonly status: number
  readonly queue: string
  readonly name: string
}

interface Candidate {
  readonly seq: number
  readonly priority: number
  readonly due_at: number | null
}

type Head = GroupKey & Candidate

/** A group as far as it was read. */
interface Group {
  readonly key: GroupKey
  rows: readonly Candidate[]
  next: number
  /** How many came before `rows`. */
  before: number
}

/** As the column `held` has it. */
const CLAIMABLE = 0
const LATER = 2
/** With this behind it, a name sorts after itself and before every other. SQLite would read all of a group to pass by it. */
const AFTER_NAME = '\u0001'
const MIN_ROWS = 4

export function createBest(db: DatabaseSync): Best {
  const unowned = 'tasks INDEXED BY tasks_unowned WHERE owner IS NULL AND ended_at IS NULL'
  const makeDue = db.prepare(`UPDATE tasks SET held = ${CLAIMABLE} WHERE seq IN (
    SELECT seq FROM tasks INDEXED BY tasks_later
    WHERE owner IS NULL AND ended_at IS NULL AND held = ${LATER} AND due_at <= ?
    ORDER BY due_at, seq LIMIT ?)`)
  // A jump to the best of the next group, however many records there are in the one before.
  const headFrom = db.prepare(`SELECT status, queue, name, seq, priority, due_at FROM ${unowned}
    AND held = ? AND (status, queue, name) >= (?, ?, ?)
    ORDER BY status, queue, name, priority DESC, seq LIMIT 1`)
  const rowsOf = db.prepare(`SELECT seq, priority, due_at FROM ${unowned} AND held = ${CLAIMABLE}
    AND status = ? AND queue = ? AND name = ? AND (due_at IS NULL OR due_at <= ?)
    ORDER BY priority DESC, seq LIMIT ? OFFSET ?`)
  const countOf = db.prepare(`SELECT count(*) AS count FROM ${unowned} AND held = ?
    AND status = ? AND queue = ? AND name = ?`)

  function* heads(held: number, onlyQueue?: string): Generator<Head> {
    let from: GroupKey = { status: 0, queue: onlyQueue ?? '', name: '' }
    for (;;) {
      const head = headFrom.get(held, from.status, from.queue, from.name) as Head | undefined
      if (head === undefined) return
      const { status, queue, name } = head
      if (onlyQueue === undefined || queue === onlyQueue) {
        yield head
        from = { status, queue, name: name + AFTER_NAME }
      } else {
        // Queues are ASCII: these strings compare as SQLite compares them.
        from = { status: queue < onlyQueue ? status : status + 1, queue: onlyQueue, name: '' }
      }
    }
  }

  function groupsFor({ names, queue, dueBefore }: ClaimQuery): Group[] {
    const wanted = new Set(names)
    const groups: Group[] = []
    for (const head of heads(CLAIMABLE, queue)) {
      if (!wanted.has(head.name)) continue
      // It is due later when the clock was set back since it became due; what is due comes with the next rows.
      const isDue = head.due_at === null || head.due_at <= dueBefore
      groups.push({ key: head, rows: isDue ? [head] : [], next: 0, before: 0 })
    }
    return groups
  }

  return {
    makeDue({ dueBefore, limit }) {
      const max = Math.max(limit, MAX_DUE_PER_CLAIM)
      return makeDue.run(dueBefore, max).changes === max
    },

    find(query) {
      const { limit, dueBefore } = query
      const found: number[] = []
      const room = createQueueRoom(query)
      const groups = groupsFor(query).filter(({ key }) => room.hasRoom(key.queue))
      const rowsPerRead = Math.max(MIN_ROWS, Math.ceil((2 * limit) / groups.length))
      const heap = createHeap(isBefore)

      /** Puts the group back with its next row, if it has one. */
      function offer(group: Group): void {
        if (group.next === group.rows.length) {
          const { status, queue, name } = group.key
          const wanted = Math.min(limit - found.length, rowsPerRead)
          group.before += group.rows.length
          group.next = 0
          group.rows = rowsOf.all(
            status,
            queue,
            name,
            dueBefore,
            wanted,
            group.before,
          ) as unknown as Candidate[]
        }
        if (group.next < group.rows.length) heap.push(group)
      }

      for (const group of groups) offer(group)
      while (found.length < limit) {
        const group = heap.pop()
        const best = group?.rows[group.next]
        if (group === undefined || best === undefined) break
        if (!room.hasRoom(group.key.queue)) continue
        room.taken(group.key.queue)
        found.push(best.seq)
        group.next += 1
        if (found.length < limit) offer(group)
      }
      return found
    },

    countExcept(names) {
      const known = new Set(names)
      const counts: Record<string, number> = {}
      for (const held of [CLAIMABLE, LATER]) {
        for (const { status, queue, name } of heads(held)) {
          if (known.has(name)) continue
          const { count } = countOf.get(held, status, queue, name) as { count: number }
          counts[name] = (counts[name] ?? 0) + count
        }
      }
      return counts
    },
  }
}

function isBefore(a: Group, b: Group): boolean {
  const first = a.rows[a.next] as Candidate
  const second = b.rows[b.next] as Candidate
  return first.priority === second.priority
    ? first.seq < second.seq
    : first.priority > second.priority
}
