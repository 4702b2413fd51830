/** Whether the registration of an owner stands: what another owner would get under its number, nobody would find. */

import type { DatabaseSync } from 'node:sqlite'
import type { CommitQueue } from './commit-queue.ts'
import { refusal } from './failure.ts'

export interface Lease {
  /** For use in a transaction, in which it is looked up once. */
  stands(owner: number): boolean
  /** @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `lease_lost`, when the store has ended it */
  check(owner: number, executorId: string, operation: string): void
}

export function createLease(db: DatabaseSync, queue: CommitQueue): Lease {
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

  return {
    stands,
    check(owner, executorId, operation) {
      if (!stands(owner)) throw leaseLost(executorId, operation)
    },
  }
}

export function leaseLost(executorId: string, operation: string): Error {
  const message = `executor ${executorId} has lost its lease: the store took it for dead and gave its records away; call open again`
  return refusal('lease_lost', operation, message)
}
