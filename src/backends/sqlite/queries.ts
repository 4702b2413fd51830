/** Listing and counting, for people and dashboards. Runs in a transaction. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { StoredRecord } from '../../task/record.ts'
import { STATUSES, type Status } from '../../task/status.ts'
import type { RecordQuery } from '../backend.ts'
import { recordFrom, RECORD_COLUMNS } from './record-row.ts'
import { statusNumber, statusOf } from './state-text.ts'

export interface Queries {
  get(id: string): StoredRecord | undefined
  owned(owner: number): readonly StoredRecord[]
  list(query: RecordQuery): readonly StoredRecord[]
  countByStatus(): Record<Status, number>
}

interface Condition {
  readonly sql: string
  readonly values: readonly SQLInputValue[]
}

export function createQueries(db: DatabaseSync): Queries {
  const byId = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE id = ?`)
  const ownedBy = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE owner = ? ORDER BY seq`)
  // Each part is answered from one partial index, the big one without a look at the table.
  const counts = [
    'ended_at IS NOT NULL',
    'owner IS NOT NULL',
    'owner IS NULL AND ended_at IS NULL',
  ].map((part) =>
    db.prepare(`SELECT status, count(*) AS count FROM tasks WHERE ${part} GROUP BY status`),
  )

  return {
    get(id) {
      const row = byId.get(id)
      return row === undefined ? undefined : recordFrom(row)
    },
    owned: (owner) => ownedBy.all(owner).map(recordFrom),
    list(query) {
      const conditions = conditionsOf(query)
      const where = conditions.map(({ sql }) => `(${sql})`).join(' AND ') || '1'
      const direction = query.order === 'oldest' ? 'ASC' : 'DESC'
      const sql = `SELECT ${RECORD_COLUMNS} FROM tasks WHERE ${where} ORDER BY seq ${direction} LIMIT ?`
      const values = conditions.flatMap((condition) => condition.values)
      return db
        .prepare(sql)
        .all(...values, query.limit)
        .map(recordFrom)
    },
    countByStatus() {
      const total = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<
        Status,
        number
      >
      for (const part of counts) {
        for (const row of part.all() as unknown as { status: number; count: number }[]) {
          total[statusOf(row.status)] += row.count
        }
      }
      return total
    },
  }
}

function conditionsOf(query: RecordQuery): readonly Condition[] {
  const conditions: Condition[] = []
  const add = (sql: string, ...values: readonly SQLInputValue[]): void => {
    conditions.push({ sql, values })
  }
  if (query.status !== undefined) {
    add(`status IN (${query.status.map(() => '?').join(', ')})`, ...query.status.map(statusNumber))
  }
  if (query.name !== undefined) add('name = ?', query.name)
  if (query.queue !== undefined) add('queue = ?', query.queue)
  if (query.parentId !== undefined) add('parent_id = ?', query.parentId)
  if (query.createdAfter !== undefined) add('created_at > ?', query.createdAfter)
  if (query.createdBefore !== undefined) add('created_at < ?', query.createdBefore)
  if (query.after !== undefined) add(query.order === 'oldest' ? 'seq > ?' : 'seq < ?', query.after)
  for (const [key, value] of Object.entries(query.tags ?? {})) {
    // The entry as JSON.stringify wrote it. With what goes before an entry it can only be one: in a string, the quotes
    // would be escaped. SQLite's own JSON functions would not compare NUL and lone surrogates.
    const entry = `${JSON.stringify(key)}:${JSON.stringify(value)}`
    add('instr(tags, ?) OR instr(tags, ?)', `{${entry}`, `,${entry}`)
  }
  return conditions
}
