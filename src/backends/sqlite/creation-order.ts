/**
 * How far the order of creation can differ from that of positions: a clock may be set back, and two processes have not
 * quite the same. Known exactly, so that a list by time leaves out what cannot match, and nothing else.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { RecordQuery } from '../backend.ts'
import type { CommitQueue } from './commit-queue.ts'
import type { SeqSpan } from './seq-stream.ts'

/** Keeps the bounds. */
export interface CreationClock {
  /** A record was inserted in this transaction. */
  note(createdAt: number): void
}

/** How much is noted in advance, in milliseconds: one write in so much time. */
const AHEAD_MS = 1_000
/** What is left of a span, in positions, when it is no longer worth halving. */
const NEAR = 64

/**
 * In `meta`: `createdUpTo` is at or after the creation of every record, ever; `createdLag` is the most by which a record
 * was created before what `createdUpTo` was then. So of two records, the one that comes later was created at most so
 * much before the other.
 */
const SELECT = `SELECT (SELECT value FROM meta WHERE key = 'createdUpTo') AS upTo,
  (SELECT value FROM meta WHERE key = 'createdLag') AS lag`

interface Bounds {
  readonly upTo: number
  readonly lag: number
}

export function createCreationClock(
  db: DatabaseSync,
  queue: Pick<CommitQueue, 'transaction'>,
): CreationClock {
  const select = db.prepare(SELECT)
  const setUpTo = db.prepare("UPDATE meta SET value = ? WHERE key = 'createdUpTo'")
  const setLag = db.prepare("UPDATE meta SET value = ? WHERE key = 'createdLag'")
  let upTo = 0
  let lag = 0
  let readIn = -1
  return {
    note(createdAt) {
      if (readIn !== queue.transaction) {
        // Other processes insert, too.
        ;({ upTo, lag } = select.get() as unknown as Bounds)
        readIn = queue.transaction
      }
      if (createdAt > upTo) {
        upTo = Math.ceil(createdAt) + AHEAD_MS
        setUpTo.run(upTo)
      }
      if (upTo - createdAt > lag) {
        lag = Math.ceil(upTo - createdAt)
        setLag.run(lag)
      }
    },
  }
}

/** Narrows a span to the positions that can have the query's times of creation. Runs in a transaction. */
export type NarrowSpan = (span: SeqSpan, query: RecordQuery) => SeqSpan

interface Created {
  readonly seq: number
  readonly at: number
}

export function createNarrowSpan(db: DatabaseSync): NarrowSpan {
  const bounds = db.prepare(SELECT)
  // Apart: of both in one SELECT, SQLite makes a walk through the whole table.
  const ends = db.prepare(
    'SELECT (SELECT min(seq) FROM tasks) AS low, (SELECT max(seq) FROM tasks) AS high',
  )
  const created = (sql: string): StatementSync =>
    db.prepare(`SELECT seq, created_at AS at FROM tasks NOT INDEXED WHERE ${sql} LIMIT 1`)
  const firstFrom = created('seq >= ? ORDER BY seq')
  const lastUpTo = created('seq <= ? ORDER BY seq DESC')

  return (whole, { createdAfter, createdBefore }) => {
    if (createdAfter === undefined && createdBefore === undefined) return whole
    const { lag } = bounds.get() as unknown as Bounds
    const { low: first, high: last } = ends.get() as { low: number | null; high: number | null }
    let low = Math.max(whole.low, first ?? 0)
    let high = Math.min(whole.high, last ?? -1)
    if (createdAfter !== undefined) {
      for (let end = high; end - low > NEAR;) {
        const middle = low + Math.floor((end - low) / 2)
        const row = firstFrom.get(middle) as Created | undefined
        // Everything before such a record was created by `at + lag`: too early.
        if (row !== undefined && row.at <= createdAfter - lag) low = row.seq + 1
        else end = middle - 1
      }
    }
    if (createdBefore !== undefined) {
      for (let start = low; high - start > NEAR;) {
        const middle = start + Math.floor((high - start) / 2)
        const row = lastUpTo.get(middle) as Created | undefined
        // Everything after such a record was created from `at - lag` on: too late.
        if (row !== undefined && row.at >= createdBefore + lag) high = row.seq - 1
        else start = middle + 1
      }
    }
    return { ...whole, low, high }
  }
}
