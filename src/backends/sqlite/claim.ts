/** Who may have an unowned record: claims, adoptions and cancels. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { CancelRequest, StoredRecord } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import type { CancelResult, ClaimQuery } from '../backend.ts'
import { createBest } from './best.ts'
import { recordFrom, RECORD_COLUMNS } from './record-row.ts'
import { statusOf } from '../state-text.ts'

/** Runs in a transaction; owners are numbers. */
export interface Claim {
  claim(owner: number, query: ClaimQuery): Claimed
  adopt(
    owner: number,
    deadOwner: number,
    names: readonly string[],
    limit: number,
  ): readonly StoredRecord[]
  cancel(owner: number, executorId: string, id: string, request: CancelRequest): CancelResult
  countUnknown(names: readonly string[]): Record<string, number>
}

export interface Claimed {
  readonly records: readonly StoredRecord[]
  /** Whether more has become due than one claim looks at. */
  readonly isMoreDue: boolean
}

export function createClaim(db: DatabaseSync): Claim {
  const best = createBest(db)
  const take = db.prepare('UPDATE tasks SET owner = ?, fence = fence + 1 WHERE seq = ?')
  const record = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE seq = ?`)
  const release = db.prepare(`UPDATE tasks SET owner = NULL
    WHERE owner = ? AND name NOT IN (SELECT value FROM json_each(?))`)
  const ownedBy = db.prepare('SELECT seq FROM tasks WHERE owner = ? ORDER BY seq LIMIT ?')
  const byId = db.prepare(`SELECT ${RECORD_COLUMNS} FROM tasks WHERE id = ?`)
  const setCancel = db.prepare('UPDATE tasks SET cancel = ? WHERE seq = ? AND cancel IS NULL')
  const addCancel = db.prepare('INSERT OR IGNORE INTO cancels (seq, fence) VALUES (?, -1)')
  const claimFence = db.prepare('SELECT fence FROM cancels WHERE seq = ?')
  const setClaimFence = db.prepare('UPDATE cancels SET fence = ? WHERE seq = ?')

  function takeAll(owner: number, seqs: readonly number[]): StoredRecord[] {
    return seqs.map((seq) => {
      take.run(owner, seq)
      return recordFrom(record.get(seq))
    })
  }

  return {
    claim(owner, query) {
      const isMoreDue = best.makeDue(query)
      return { records: takeAll(owner, best.find(query)), isMoreDue }
    },

    adopt(owner, deadOwner, names, limit) {
      release.run(deadOwner, JSON.stringify(names))
      const rows = ownedBy.all(deadOwner, limit) as unknown as { seq: number }[]
      return takeAll(
        owner,
        rows.map(({ seq }) => seq),
      )
    },

    cancel(owner, executorId, id, request) {
      const row: Record<string, SQLInputValue> | undefined = byId.get(id)
      if (row === undefined) return { type: 'missing' }
      const status = statusOf(row['status'] as number)
      if (isTerminal(status)) return { type: 'ended', status }
      const seq = row['seq'] as number
      setCancel.run(JSON.stringify(request), seq)
      addCancel.run(seq)
      const cancel = claimFence.get(seq) as { fence: number }
      if (row['owner'] === executorId && row['fence'] === cancel.fence) {
        return { type: 'claimed', record: recordFrom(record.get(seq)) }
      }
      const holder = row['owner'] as string | null
      if (holder !== null) return { type: 'requested', owner: holder }
      if (status === 'running') return { type: 'requested', owner: null }
      take.run(owner, seq)
      setClaimFence.run((row['fence'] as number) + 1, seq)
      return { type: 'claimed', record: recordFrom(record.get(seq)) }
    },

    countUnknown: (names) => best.countExcept(names),
  }
}
