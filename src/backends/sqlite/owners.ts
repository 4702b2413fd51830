/** Executors as the database knows them. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { CancelRequest } from '../../task/record.ts'
import type { BeatResult, Owner } from '../backend.ts'

export interface OwnerRow {
  readonly seq: number
  readonly id: string
  /** 0 once it has closed, or its records have been given away. */
  readonly registered: number
  readonly beat_at: number
}

export interface Owners {
  /** Registers an executor, `current` being its number if it was registered before. Answers its number. */
  register(owner: Owner, current: number | undefined): number
  beat(number: number, now: number): BeatResult
  /** Which records of this owner somebody wants cancelled: empty, or a text that differs when they do. */
  askedOf(number: number): string
  /** Every owner but this one. */
  others(number: number): readonly OwnerRow[]
  ids(): readonly string[]
  find(executorId: string): number | undefined
  /** Ends a registration: a beat of this owner is answered `lost`. Its number stays while it has records. */
  unregister(number: number): void
  /** Whether this owner is known no more: it was unregistered and has no records. */
  isForgotten(number: number): boolean
}

export function createOwners(db: DatabaseSync): Owners {
  const byId = db.prepare('SELECT seq, registered FROM owners WHERE id = ?')
  const insert = db.prepare(
    'INSERT INTO owners (id, registered, beat_at, started_at, pid) VALUES (?, 1, ?, ?, ?)',
  )
  // No executor can have such an id: `~` is not in its pattern.
  const rename = db.prepare(`UPDATE owners SET id = id || '~' || seq, registered = 0 WHERE seq = ?`)
  const setBeat = db.prepare('UPDATE owners SET beat_at = ? WHERE seq = ? AND registered = 1')
  // CROSS JOIN: from the few cancels to their tasks, not the other way round.
  const cancels =
    db.prepare(`SELECT t.id, t.cancel FROM cancels c CROSS JOIN tasks t ON t.seq = c.seq
    WHERE t.owner = ?`)
  const asked = db.prepare(`SELECT group_concat(c.seq) AS seqs FROM cancels c CROSS JOIN tasks t
    ON t.seq = c.seq WHERE t.owner = ?`)
  const removeDone = db.prepare(`DELETE FROM cancels WHERE seq IN
    (SELECT c.seq FROM cancels c CROSS JOIN tasks t ON t.seq = c.seq WHERE t.ended_at IS NOT NULL)`)
  const others = db.prepare('SELECT seq, id, registered, beat_at FROM owners WHERE seq <> ?')
  const ids = db.prepare('SELECT id FROM owners')
  const unregister = db.prepare('UPDATE owners SET registered = 0 WHERE seq = ?')
  const forget = db.prepare(`DELETE FROM owners
    WHERE seq = ? AND NOT EXISTS (SELECT 1 FROM tasks WHERE owner = owners.seq)`)
  const exists = db.prepare('SELECT 1 FROM owners WHERE seq = ?')

  return {
    register({ executorId, now }, current) {
      const former = byId.get(executorId) as { seq: number; registered: number } | undefined
      if (former !== undefined) {
        if (former.seq === current && former.registered === 1) {
          setBeat.run(now, former.seq)
          return former.seq
        }
        // What an earlier executor of this id left is to be adopted like anybody's, not to be taken for ours.
        rename.run(former.seq)
        forget.run(former.seq)
      }
      return Number(insert.run(executorId, now, now, process.pid).lastInsertRowid)
    },
    beat(number, now) {
      if (setBeat.run(now, number).changes === 0) return { type: 'lost' }
      removeDone.run()
      const rows = cancels.all(number) as unknown as { id: string; cancel: string }[]
      return {
        type: 'ok',
        cancels: rows.map(({ id, cancel }) => ({ id, ...cancelFrom(cancel) })),
      }
    },
    askedOf: (number) => (asked.get(number) as { seqs: string | null }).seqs ?? '',
    others: (number) => others.all(number) as unknown as OwnerRow[],
    ids: () => (ids.all() as unknown as { id: string }[]).map(({ id }) => id),
    find: (executorId) => (byId.get(executorId) as { seq: number } | undefined)?.seq,
    unregister(number) {
      unregister.run(number)
      forget.run(number)
    },
    isForgotten: (number) => exists.get(number) === undefined,
  }
}

function cancelFrom(text: string): CancelRequest {
  try {
    return JSON.parse(text) as CancelRequest
  } catch {
    // Damaged: it was asked for, whoever it was. The beat goes on, or this executor would pass for dead.
    return {}
  }
}
