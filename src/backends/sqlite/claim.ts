/** Who may have an unowned record: claims, adoptions and cancels. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { CancelRequest, StoredRecord } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import type { CancelResult, ClaimQuery } from '../backend.ts'
import { recordFrom, RECORD_COLUMNS } from './record-row.ts'
import { statusOf } from './state-text.ts'

/** Runs in a transaction; owners are numbers. */
export interface Claim {
  claim(owner: number, query: ClaimQuery): readonly StoredRecord[]
  adopt(
    owner: number,
    deadOwner: number,
    names: readonly string[],
    limit: number,
  ): readonly StoredRecord[]
  cancel(owner: number, executorId: string, id: string, request: CancelRequest): CancelResult
  countUnknown(names: readonly string[]): Record<string, number>
}

interface Candidate {
  readonly seq: number
  readonly priority: number
}

const UNOWNED =
  'tasks INDEXED BY tasks_unowned WHERE owner IS NULL AND ended_at IS NULL AND held = 0'

export function createClaim(db: DatabaseSync): Claim {
  // Each step jumps to the next queue or name in the index, however many records there are of the one before.
  const nextQueue = db.prepare(`SELECT queue FROM ${UNOWNED} AND queue > ? ORDER BY queue LIMIT 1`)
  const nextName = db.prepare(
    `SELECT name FROM ${UNOWNED} AND queue = ? AND name > ? ORDER BY name LIMIT 1`,
  )
  const bestOf = db.prepare(`SELECT seq, priority FROM ${UNOWNED} AND queue = ? AND name = ?
    ORDER BY priority DESC, seq LIMIT ?`)
  const countOf = db.prepare(`SELECT count(*) AS count FROM ${UNOWNED} AND queue = ? AND name = ?`)
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

  function textsOf(next: (after: string) => unknown, column: string): string[] {
    const found: string[] = []
    for (let after = ''; ;) {
      const row = next(after) as Record<string, string> | undefined
      const text = row?.[column]
      if (text === undefined) return found
      found.push(text)
      after = text
    }
  }

  const queues = (): string[] => textsOf((after) => nextQueue.get(after), 'queue')
  const namesIn = (queue: string): string[] =>
    textsOf((after) => nextName.get(queue, after), 'name')

  function takeAll(owner: number, seqs: readonly number[]): StoredRecord[] {
    return seqs.map((seq) => {
      take.run(owner, seq)
      return recordFrom(record.get(seq))
    })
  }

  return {
    claim(owner, { names, queue, limit }) {
      const candidates: Candidate[] = []
      for (const each of queue === undefined ? queues() : [queue]) {
        for (const name of namesIn(each)) {
          if (!names.includes(name)) continue
          candidates.push(...(bestOf.all(each, name, limit) as unknown as Candidate[]))
        }
      }
      candidates.sort((a, b) => b.priority - a.priority || a.seq - b.seq)
      return takeAll(
        owner,
        candidates.slice(0, limit).map(({ seq }) => seq),
      )
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

    countUnknown(names) {
      const counts: Record<string, number> = {}
      for (const queue of queues()) {
        for (const name of namesIn(queue)) {
          if (names.includes(name)) continue
          const { count } = countOf.get(queue, name) as { count: number }
          counts[name] = (counts[name] ?? 0) + count
        }
      }
      return counts
    },
  }
}
