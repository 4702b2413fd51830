/** Listing and counting the rows of the memory backend. */

import type { StoredRecord } from '../../task/record.ts'
import { STATUSES, type Status } from '../../task/status.ts'
import type { RecordQueries, RecordQuery } from '../backend.ts'
import type { Owners } from './owners.ts'
import { snapshot, type Row } from './row.ts'

/** `rows` answers them in order of position. */
export function rowQueries(rows: () => ReadonlyMap<string, Row>, owners: Owners): RecordQueries {
  return {
    list(query) {
      owners.checkAny('list')
      return listRows(rows().values(), query)
    },
    countByStatus() {
      owners.checkAny('countByStatus')
      return countRows(rows().values())
    },
  }
}

function listRows(rows: Iterable<Row>, query: RecordQuery): readonly StoredRecord[] {
  const ordered = query.order === 'oldest' ? rows : [...rows].toReversed()
  const found: StoredRecord[] = []
  for (const row of ordered) {
    if (found.length >= query.limit) break
    if (matches(row, query)) found.push(snapshot(row))
  }
  return found
}

function countRows(rows: Iterable<Row>): Record<Status, number> {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  for (const row of rows) counts[row.state.status] += 1
  return counts
}

function matches({ position, spec, state }: Row, query: RecordQuery): boolean {
  if (query.after !== undefined) {
    if (query.order === 'oldest' ? position <= query.after : position >= query.after) return false
  }
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
