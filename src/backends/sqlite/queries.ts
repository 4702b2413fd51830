/** Listing and counting, for people and dashboards. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { StoredRecord } from '../../task/record.ts'
import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import { HELD } from './index-ranges.ts'
import { createList, type List } from './list.ts'
import { recordFrom, RECORD_COLUMNS } from './record-row.ts'
import { statusNumber, statusOf } from '../state-text.ts'

export interface Queries {
  get(id: string): StoredRecord | undefined
  owned(owner: number): readonly StoredRecord[]
  readonly list: List
  countByStatus(): Record<Status, number>
}

interface StatusCount {
  readonly status: number
  readonly count: number
}

export function createQueries(db: DatabaseSync): Queries {
  const byId = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE id = ?`)
  const ownedBy = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE owner = ? ORDER BY seq`)
  // The live ones are counted in their indexes: those without an owner, of which there may be many, in ranges of one.
  const endedCounts = db.prepare('SELECT status, count FROM counts')
  const ownedCounts = db.prepare(
    'SELECT status, count(*) AS count FROM tasks WHERE owner IS NOT NULL GROUP BY status',
  )
  const unownedCounts = db.prepare(`SELECT ? AS status, count(*) AS count
    FROM tasks INDEXED BY tasks_unowned WHERE owner IS NULL AND ended_at IS NULL AND held = ? AND status = ?`)
  const live = STATUSES.filter((status) => !isTerminal(status)).map(statusNumber)

  function* counts(): Generator<StatusCount> {
    yield* endedCounts.all() as unknown as StatusCount[]
    yield* ownedCounts.all() as unknown as StatusCount[]
    for (const held of HELD) {
      for (const status of live)
        yield unownedCounts.get(status, held, status) as unknown as StatusCount
    }
  }

  return {
    get(id) {
      const row = byId.get(id)
      return row === undefined ? undefined : recordFrom(row)
    },
    owned: (owner) => ownedBy.all(owner).map(recordFrom),
    list: createList(db),
    countByStatus() {
      const total = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<
        Status,
        number
      >
      for (const { status, count } of counts()) total[statusOf(status)] += count
      return total
    },
  }
}
