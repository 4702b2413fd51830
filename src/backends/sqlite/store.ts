/** One open database with everything that works on it. */

import type { DatabaseSync } from 'node:sqlite'
import { createClaim, type Claim } from './claim.ts'
import { createCommitQueue, type CommitQueue } from './commit-queue.ts'
import { openDatabase } from './database.ts'
import { refusal } from './failure.ts'
import { createInsert, type Insert } from './insert.ts'
import type { SqliteSettings } from './options.ts'
import { createOwners, type Owners } from './owners.ts'
import { createQueries, type Queries } from './queries.ts'
import { createSweep, type Sweep } from './sweep.ts'
import { createUpdate, type Update } from './update.ts'

export interface Store {
  readonly Database: typeof DatabaseSync
  readonly queue: CommitQueue
  readonly insert: Insert
  readonly update: Update
  readonly claim: Claim
  readonly owners: Owners
  readonly queries: Queries
  readonly sweep: Sweep
  close(): void
}

/** `ownerNumber` answers the number of an owner that is open or still closing. */
export async function openStore(
  settings: SqliteSettings,
  ownerNumber: (executorId: string) => number,
): Promise<Store> {
  const db = await openDatabase(settings)
  const queue = createCommitQueue(db, settings.path)
  return {
    Database: db.constructor as typeof DatabaseSync,
    queue,
    insert: createInsert(db, queue, ownerNumber),
    update: createUpdate(db, ownerNumber),
    claim: createClaim(db),
    owners: createOwners(db),
    queries: createQueries(db),
    sweep: createSweep(db),
    close() {
      queue.stop(refusal('closed', 'close', `${settings.path} was closed; call open first`))
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch {
        // Another process reads: it will do it.
      }
      db.close()
    },
  }
}
