/**
 * A lock that lives exactly as long as its process: a small SQLite file with an open exclusive transaction. The
 * operating system frees it on any death, and a stopped process keeps it.
 */

import { hash } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isBusy } from '../../connections/sqlite-failure.ts'

export interface OwnerLock {
  /** Removes the file and lets go. */
  release(): void
  /** Lets go, and leaves the file. */
  letGo(): void
}

/** `missing`: there is no file, or it cannot be locked here, so the lock tells nothing. */
export type LockState = 'held' | 'free' | 'missing'

const LOCK_SUFFIX = /^[0-9a-f]{24}\.lock$/

/** Beside the database. Hashed, because ids may differ by case only, and hold characters that file names may not. */
export function lockPath(databasePath: string, executorId: string): string {
  return `${databasePath}-${hash('sha256', executorId, 'hex').slice(0, 24)}.lock`
}

/**
 * Takes the lock: `busy` when another holds it, `unsupported` where files cannot be locked.
 *
 * Only SQLite may open the file. POSIX drops all of a process's locks on a file when it closes any descriptor of it.
 */
export function takeLock(
  Database: typeof DatabaseSync,
  path: string,
): OwnerLock | 'busy' | 'unsupported' {
  for (;;) {
    let db: DatabaseSync | undefined
    try {
      db = new Database(path)
      db.exec('PRAGMA busy_timeout = 0')
      db.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      db?.close()
      return isBusy(error) ? 'busy' : 'unsupported'
    }
    // Somebody who found it free may have removed the file while we opened it: a lock that nobody can find is none.
    if (existsSync(path)) return lockOn(db, path)
    db.close()
  }
}

function lockOn(db: DatabaseSync, path: string): OwnerLock {
  return {
    release() {
      removeFile(path)
      db.close()
      // Where an open file cannot be removed.
      removeFile(path)
    },
    letGo: () => db.close(),
  }
}

/** Every lock file beside the database. */
export function lockFiles(databasePath: string): string[] {
  const prefix = `${basename(databasePath)}-`
  const directory = dirname(databasePath)
  return readdirSync(directory)
    .filter((name) => name.startsWith(prefix) && LOCK_SUFFIX.test(name.slice(prefix.length)))
    .map((name) => join(directory, name))
}

/** Whether somebody holds the lock at `path`. */
export function probeLock(Database: typeof DatabaseSync, path: string): LockState {
  if (!existsSync(path)) return 'missing'
  let db: DatabaseSync | undefined
  try {
    db = new Database(path, { readOnly: true })
    db.exec('PRAGMA busy_timeout = 0')
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
    return 'free'
  } catch (error) {
    return isBusy(error) ? 'held' : 'missing'
  } finally {
    db?.close()
  }
}

/** Removes a lock file that nobody holds, holding it meanwhile. */
export function removeLock(Database: typeof DatabaseSync, path: string): void {
  if (!existsSync(path)) return
  const lock = takeLock(Database, path)
  if (typeof lock === 'object') lock.release()
}

function removeFile(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It stays, unlocked: the next executor that looks finds it free.
  }
}
