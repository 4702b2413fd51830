/** The ranges of the indexes that are ordered by position: what a list can follow instead of the whole table. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { isTerminal, STATUSES } from '../../task/status.ts'
import type { RecordQuery } from '../backend.ts'
import {
  mergedStream,
  rangeStream,
  sievedStream,
  type KeepSeqs,
  type SeqSpan,
  type SeqStream,
} from './seq-stream.ts'
import { tagText } from '../spec-text.ts'
import { statusNumber } from '../state-text.ts'

export interface IndexRanges {
  /** The records with this tag, and perhaps others. */
  tag(key: string, value: string, span: SeqSpan): SeqStream
  parent(id: string, span: SeqSpan): SeqStream
  /**
   * The records of the query's statuses, name and queue, and perhaps others; `undefined` when so many ranges had to be
   * merged that walking the table is as good. `keep` says which positions match.
   */
  kinds(query: RecordQuery, span: SeqSpan, keep: KeepSeqs): SeqStream | undefined
}

/** Each costs a few microseconds to begin with. */
const MAX_RANGES = 1_000
/** More are seldom owned; of an executor's own only the owner is indexed, and they are looked at one by one. */
const MAX_OWNED = 5_000
/** `held` of a row: a claim may take it, not now, later. */
export const HELD: readonly number[] = [0, 1, 2]

const HISTORY = 'tasks INDEXED BY tasks_history WHERE ended_at IS NOT NULL AND status = ?'
const UNOWNED =
  'tasks INDEXED BY tasks_unowned WHERE owner IS NULL AND ended_at IS NULL AND held = ? AND status = ?'
const OWNED = 'tasks INDEXED BY tasks_owned WHERE owner'
const KIND = 'AND queue = ? AND name = ?'

export function createIndexRanges(db: DatabaseSync): IndexRanges {
  const fetchFrom = createFetch(db)
  const byTag = fetchFrom('tags WHERE tag = ?')
  const byParent = fetchFrom('tasks INDEXED BY tasks_parent WHERE parent_id = ?')
  const byOwner = fetchFrom(`${OWNED} = ?`)
  const ended = fetchFrom(`${HISTORY} ${KIND}`)
  const unowned = fetchFrom(`${UNOWNED} ${KIND} AND priority = ?`)

  // Each step jumps to the next value in the index, however many records there are of the one before.
  const next = (column: string, from: string): StatementSync =>
    db.prepare(
      `SELECT ${column} AS value FROM ${from} AND ${column} > ? ORDER BY ${column} LIMIT 1`,
    )
  const endedQueue = next('queue', HISTORY)
  const endedName = next('name', `${HISTORY} AND queue = ?`)
  const unownedQueue = next('queue', UNOWNED)
  const unownedName = next('name', `${UNOWNED} AND queue = ?`)
  const nextOwner = db.prepare(`SELECT owner AS value FROM ${OWNED} > ? ORDER BY owner LIMIT 1`)
  const nextPriority = db.prepare(`SELECT priority AS value FROM ${UNOWNED} ${KIND}
    AND priority < ? ORDER BY priority DESC LIMIT 1`)

  function* kindRanges(query: RecordQuery, span: SeqSpan, keep: KeepSeqs): Generator<SeqStream> {
    const statuses = [...new Set(query.status ?? STATUSES)]
    for (const status of statuses.filter(isTerminal)) {
      const prefix = [statusNumber(status)]
      for (const kind of kindsIn(prefix, endedQueue, endedName, query)) yield ended(kind, span)
    }
    const live = statuses.filter((status) => !isTerminal(status))
    if (live.length === 0) return
    const owned = [...values([], nextOwner, -1)].map((owner) => byOwner([owner], span))
    yield sievedStream(mergedStream(owned, span.order, 1), keep, MAX_OWNED)
    for (const held of HELD) {
      for (const status of live) {
        const prefix = [held, statusNumber(status)]
        for (const kind of kindsIn(prefix, unownedQueue, unownedName, query)) {
          for (const priority of values(kind, nextPriority, Infinity)) {
            yield unowned([...kind, priority], span)
          }
        }
      }
    }
  }

  return {
    tag: (key, value, span) => byTag([tagText(key, value)], span),
    parent: (id, span) => byParent([id], span),
    kinds(query, span, keep) {
      const streams: SeqStream[] = []
      for (const stream of kindRanges(query, span, keep)) {
        streams.push(stream)
        if (streams.length > MAX_RANGES) return undefined
      }
      const firstChunk = Math.min(64, 1 + Math.ceil((2 * query.limit) / (streams.length + 1)))
      return mergedStream(streams, span.order, firstChunk)
    },
  }
}

/** For a range of an index: the positions in it that belong to `values`, in the order of the span. */
function createFetch(
  db: DatabaseSync,
): (from: string) => (values: readonly SQLInputValue[], span: SeqSpan) => SeqStream {
  return (from) => {
    const select = `SELECT seq FROM ${from} AND seq >= ? AND seq <= ? ORDER BY seq`
    const upwards = db.prepare(`${select} LIMIT ?`)
    const downwards = db.prepare(`${select} DESC LIMIT ?`)
    return (given, whole) => {
      const statement = whole.order === 'oldest' ? upwards : downwards
      return rangeStream(({ low, high }, count) => {
        const rows = statement.all(...given, low, high, count) as unknown as { seq: number }[]
        return rows.map(({ seq }) => seq)
      }, whole)
    }
  }
}

/** Each queue and name below the prefix that the query can mean. */
function* kindsIn(
  prefix: readonly SQLInputValue[],
  nextQueue: StatementSync,
  nextName: StatementSync,
  query: RecordQuery,
): Generator<readonly SQLInputValue[]> {
  const queues = query.queue === undefined ? values(prefix, nextQueue, '') : [query.queue]
  for (const queue of queues) {
    const within = [...prefix, queue]
    const names = query.name === undefined ? values(within, nextName, '') : [query.name]
    for (const name of names) yield [...within, name]
  }
}

function* values(
  prefix: readonly SQLInputValue[],
  next: StatementSync,
  before: SQLInputValue,
): Generator<SQLInputValue> {
  for (let last = before; ;) {
    const row = next.get(...prefix, last)
    if (row === undefined) return
    last = row['value'] as SQLInputValue
    yield last
  }
}
