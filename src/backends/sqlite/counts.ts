/** How many ended records there are of each status: added up during a transaction, written once before its commit. */

import type { DatabaseSync } from 'node:sqlite'
import { STATUSES } from '../../task/status.ts'

export interface Counts {
  add(status: number, change: number): void
  /** How many there are of these statuses, with what this transaction has added. */
  of(statuses: readonly number[]): number
  /** Writes what was added up: before a commit, and before somebody reads the table. */
  write(): void
  /** The transaction was rolled back. */
  forget(): void
  /** What was added up so far, for `backTo`. */
  mark(): readonly number[]
  /** Everything after the mark was rolled back. Nothing may have been written in between. */
  backTo(mark: readonly number[]): void
}

export function createCounts(db: DatabaseSync): Counts {
  const update = db.prepare('UPDATE counts SET count = count + ? WHERE status = ?')
  const select = db.prepare('SELECT count FROM counts WHERE status = ?')
  const changes = STATUSES.map(() => 0)
  let isTouched = false

  function write(): void {
    if (!isTouched) return
    for (const [status, change] of changes.entries()) {
      if (change !== 0) update.run(change, status)
    }
    clear()
  }

  function clear(): void {
    changes.fill(0)
    isTouched = false
  }

  return {
    add(status, change) {
      changes[status] = (changes[status] ?? 0) + change
      isTouched = true
    },
    of(statuses) {
      return statuses.reduce((sum, status) => {
        const row = select.get(status) as { count: number } | undefined
        return sum + (row?.count ?? 0) + (changes[status] ?? 0)
      }, 0)
    },
    write,
    forget() {
      if (isTouched) clear()
    },
    mark: () => [...changes],
    backTo(mark) {
      for (const [status, change] of mark.entries()) changes[status] = change
    },
  }
}
