/** Listing and counting the rows of the memory backend. */

import type { StoredRecord } from '../../task/record.ts'
import { STATUSES, type Status } from '../../task/status.ts'
import type { RecordList, RecordQueries, RecordQuery } from '../backend.ts'
import { textFilter } from '../text-filter.ts'
import type { Owners } from './owners.ts'
import { snapshot, type Row } from './row.ts'
import type { RowTable } from './table.ts'

export function rowQueries(rows: RowTable, owners: Owners): RecordQueries {
  return {
    list(query) {
      owners.checkAny('list')
      return listRows(rows.values(), query)
    },
    countByStatus() {
      owners.checkAny('countByStatus')
      return countRows(rows.values())
    },
  }
}

/** So many rows are looked at by one call; searching one for a text takes longer. */
const MAX_ROWS = 200_000
const MAX_SEARCHED_ROWS = 20_000

function listRows(rows: Iterable<Row>, query: RecordQuery): RecordList {
  const { limit, text } = query
  const ordered = query.order === 'oldest' ? rows : [...rows].toReversed()
  const hasText = text === undefined ? undefined : textFilter(text)
  const records: StoredRecord[] = []
  let left = hasText === undefined ? MAX_ROWS : MAX_SEARCHED_ROWS
  for (const row of ordered) {
    if (isPassed(row, query)) continue
    if (matches(row, query) && hasText?.(row) !== false) {
      if (records.length >= limit) return { records, next: records.at(-1)?.position }
      records.push(snapshot(row))
    }
    left -= 1
    if (left === 0) return { records, next: row.position }
  }
  return { records, next: undefined }
}

/** Whether it comes before the place where the list goes on. */
function isPassed({ position }: Row, { after, order }: RecordQuery): boolean {
  if (after === undefined) return false
  return order === 'oldest' ? position <= after : position >= after
}

function countRows(rows: Iterable<Row>): Record<Status, number> {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  for (const row of rows) counts[row.state.status] += 1
  return counts
}

function matches({ spec, state }: Row, query: RecordQuery): boolean {
  return (
    (query.status === undefined || query.status.includes(state.status)) &&
    (query.name === undefined || query.name === spec.name) &&
    (query.queue === undefined || query.queue === spec.queue) &&
    (query.parentId === undefined || query.parentId === spec.parentId) &&
    (query.createdAfter === undefined || spec.createdAt > query.createdAfter) &&
    (query.createdBefore === undefined || spec.createdAt < query.createdBefore) &&
    hasTags(spec.tags, query.tags)
  )
}

function hasTags(tags: Readonly<Record<string, string>>, wanted: RecordQuery['tags']): boolean {
  if (wanted === undefined) return true
  return Object.entries(wanted).every(
    ([key, value]) => Object.hasOwn(tags, key) && tags[key] === value,
  )
}
