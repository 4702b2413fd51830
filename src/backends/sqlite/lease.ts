/** Whether the registration of an owner stands: what another owner would get under its number, nobody would find. */

import type { DatabaseSync } from 'node:sqlite'
import type { CommitQueue } from './commit-queue.ts'
import { refusal } from '../../connections/sqlite-failure.ts'

export interface Lease {
  /** For use in a transaction, in which it is looked up once. */
  stands(owner: number): boolean
  /** @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `lease_lost`, when the store has ended it */
  check(owner: number, executorId: string, operation: string): void
  lost(executorId: string, operation: string): Error
}

export function createLease(db: DatabaseSync, queue: CommitQueue, path: string): Lease {
  const select = db.prepare('SELECT 1 FROM owners WHERE seq = ? AND registered = 1')
  const standing = new Set<number>()
  let checkedIn = -1

  function stands(owner: number): boolean {
    if (checkedIn !== queue.transaction) {
      standing.clear()
      checkedIn = queue.transaction
    }
    if (standing.has(owner)) return true
    if (select.get(owner) === undefined) return false
    standing.add(owner)
    return true
  }

  function lost(executorId: string, operation: string): Error {
    const message = `${path} does not know executor ${executorId} any more: it was taken for dead, and its records are others' now; it registers anew by itself, so try again in a moment, and if it goes on, run PRAGMA integrity_check on the file`
    return refusal('lease_lost', operation, message)
  }

  return {
    stands,
    check(owner, executorId, operation) {
      if (!stands(owner)) throw lost(executorId, operation)
    },
    lost,
  }
}
