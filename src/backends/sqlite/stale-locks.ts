/** Lock files of executors that were killed before they had registered: nobody else would ever remove them. */

import type { DatabaseSync } from 'node:sqlite'
import { lockFiles, lockPath, takeLock, type OwnerLock } from './owner-lock.ts'

/** So many are looked at by one open, each by opening a small file. */
const MAX_PER_OPEN = 200

/**
 * Removes the lock files beside the database that nobody holds and that belong to no registered owner. `ownerIds` is
 * asked while they are held: an executor takes its lock first, and registers then.
 */
export async function removeStaleLocks(
  Database: typeof DatabaseSync,
  databasePath: string,
  ownerIds: () => Promise<readonly string[]>,
): Promise<void> {
  const files = lockFiles(databasePath)
  const known = new Set(await pathsOf(databasePath, ownerIds))
  const held = new Map<string, OwnerLock>()
  for (const path of files.filter((file) => !known.has(file)).slice(0, MAX_PER_OPEN)) {
    const lock = takeLock(Database, path)
    if (typeof lock === 'object') held.set(path, lock)
  }
  if (held.size === 0) return
  try {
    for (const path of await pathsOf(databasePath, ownerIds)) {
      held.get(path)?.letGo()
      held.delete(path)
    }
    for (const lock of held.values()) lock.release()
    held.clear()
  } finally {
    for (const lock of held.values()) lock.letGo()
  }
}

async function pathsOf(
  databasePath: string,
  ownerIds: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  return (await ownerIds()).map((id) => lockPath(databasePath, id))
}
