/** Lists: whatever the filters, a call does a bounded amount of work, and says where to go on. */

import type { DatabaseSync } from 'node:sqlite'
import type { StoredRecord } from '../../task/record.ts'
import type { RecordList, RecordQuery } from '../backend.ts'
import { textFilter } from '../text-filter.ts'
import { createNarrowSpan } from './creation-order.ts'
import { createListFilter } from './list-filter.ts'
import { createListSource, LIST_LIMITS, type ListLimits } from './list-source.ts'
import { recordFrom, RECORD_COLUMNS } from './record-row.ts'
import type { SeqSpan } from './seq-stream.ts'

/** Runs in a transaction. */
export type List = (query: RecordQuery) => RecordList

/** Of a record that is read, and of each character of its input and result, in tenths of a microsecond. */
const RECORD_COST = 100
const CHARACTER_COST = 0.01

export function createList(db: DatabaseSync, limits: ListLimits = LIST_LIMITS): List {
  const recordAt = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE seq = ?`)
  const source = createListSource(db, limits)
  const narrow = createNarrowSpan(db)

  return (query) => {
    if (query.status?.length === 0) return { records: [], next: undefined }
    const { limit, text } = query
    const hasText = text === undefined ? undefined : textFilter(text)
    // One more than asked for tells whether there is more; of what may have the text, nobody knows how many are needed.
    const count = hasText === undefined ? limit + 1 : -1
    const records: StoredRecord[] = []
    let { budget } = limits
    const search = { query, filter: createListFilter(db, query), count }
    for (const { seqs, reached, cost } of source(search, narrow(spanOf(query), query))) {
      budget -= cost
      for (const seq of seqs) {
        if (records.length === limit && hasText === undefined) return pageOf(records)
        const record = recordFrom(recordAt.get(seq))
        budget -= RECORD_COST + CHARACTER_COST * charactersOf(record)
        if (hasText === undefined || hasText(record)) {
          if (records.length === limit) return pageOf(records)
          records.push(record)
        }
        if (budget <= 0) return { records, next: seq }
      }
      if (budget <= 0) return { records, next: reached }
    }
    return { records, next: undefined }
  }
}

/** A full page that is not the last. */
function pageOf(records: readonly StoredRecord[]): RecordList {
  return { records, next: records.at(-1)?.position }
}

function spanOf({ order, after }: RecordQuery): SeqSpan {
  const [low, high] = [0, Number.MAX_SAFE_INTEGER]
  if (after === undefined) return { low, high, order }
  return order === 'oldest' ? { low: after + 1, high, order } : { low, high: after - 1, order }
}

function charactersOf({ spec, state }: StoredRecord): number {
  return (spec.inputJson?.length ?? 0) + (state.resultJson?.length ?? 0)
}
