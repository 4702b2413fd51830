/** One open database with everything that works on it. */

import type { DatabaseSync } from 'node:sqlite'
import { watchChanges } from './change-watch.ts'
import { createCheckpoints } from './checkpoint.ts'
import { createClaim, type Claim } from './claim.ts'
import { createCommitQueue, type CommitQueue } from './commit-queue.ts'
import { createCounts } from './counts.ts'
import { openDatabase } from './database.ts'
import { refusal, unavailable } from '../../connections/sqlite-failure.ts'
import { watchFile } from '../../connections/sqlite-file-watch.ts'
import { createInsert, type Insert } from './insert.ts'
import { createLease, type Lease } from './lease.ts'
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
  readonly lease: Lease
  close(): Promise<void>
}

/**
 * `ownerNumber` answers the number of an owner that is open or still closing; `changed` is told that another connection has
 * written.
 */
export async function openStore(
  settings: SqliteSettings,
  ownerNumber: (executorId: string) => number,
  changed: () => void,
): Promise<Store> {
  const db = await openDatabase(settings)
  try {
    return storeOn(db, settings, ownerNumber, changed)
  } catch (error) {
    db.close()
    throw unavailable(error, 'open', settings.path)
  }
}

function storeOn(
  db: DatabaseSync,
  settings: SqliteSettings,
  ownerNumber: (executorId: string) => number,
  changed: () => void,
): Store {
  const { hold, committed, ...checkpoints } = createCheckpoints(db, settings)
  const place = { hold, committed, lost: watchFile(settings.path) }
  const counts = createCounts(db)
  const queue = createCommitQueue(db, settings.path, place, counts)
  const lease = createLease(db, queue, settings.path)
  const parts = {
    insert: createInsert(db, { queue, counts, lease, ownerNumber }),
    update: createUpdate(db, counts, ownerNumber),
    claim: createClaim(db),
    owners: createOwners(db),
    queries: createQueries(db),
    sweep: createSweep(db, counts),
  }
  // Last: it has a timer.
  const changes = watchChanges(db, changed)
  return {
    Database: db.constructor as typeof DatabaseSync,
    queue,
    ...parts,
    lease,
    async close() {
      changes.stop()
      queue.stop(refusal('closed', 'close', `${settings.path} was closed; call open first`))
      await checkpoints.close()
      try {
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      } catch {
        // Another process reads: it will do it.
      }
      db.close()
    },
  }
}
