/** Opens the database file: what it is, whether it is whole, and how it is written to. */

import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isBusy, refusal, unavailable } from '../../connections/sqlite-failure.ts'
import type { SqliteSettings } from './options.ts'
import { bringUpToDate, pragma, schemaState } from './schema.ts'

/** How long a statement waits for a lock, blocking the event loop: long enough for another's usual commit. */
const BUSY_TIMEOUT_MS = 10
const OPEN_WAIT_MS = 5_000
/** How long another process may take to bring the file up to date: it writes every record's row of the indexes anew. */
const MIGRATION_WAIT_MS = 120_000
const OPEN_RETRY_MS = 50

/**
 * Opens or creates the database, waiting up to 5 s while others hold it, and up to 2 min while another process brings
 * it up to date.
 *
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE: `cannot_open`, `not_a_database`, `foreign_database`,
 *   `newer_schema`, `corrupt`, `busy`, `read_only`, `full`, `io`
 */
export async function openDatabase(settings: SqliteSettings): Promise<DatabaseSync> {
  // Loaded here: `import 'plainsight/sqlite'` alone prints no ExperimentalWarning on Node 22.
  const sqlite = await import('node:sqlite')
  let maxWaitMs = OPEN_WAIT_MS
  const isOld = (): void => {
    maxWaitMs = MIGRATION_WAIT_MS
  }
  for (let waitedMs = 0; ; waitedMs += OPEN_RETRY_MS) {
    try {
      return openNow(sqlite.DatabaseSync, settings, isOld)
    } catch (error) {
      if (!isBusy(error) || waitedMs >= maxWaitMs) throw openError(error, settings.path)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, OPEN_RETRY_MS)
    })
  }
}

function openNow(
  Database: typeof DatabaseSync,
  settings: SqliteSettings,
  isOld: () => void,
): DatabaseSync {
  const { path, durability } = settings
  const db = new Database(path)
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    // Whose file it is comes first: nothing in another program's database is changed.
    const schema = schemaState(db, path)
    if (schema === 'old') isOld()
    if (schema !== 'none') quickCheck(db, settings)
    const mode = pragma(db, 'journal_mode = WAL')
    if (mode !== 'wal') {
      const message = `${path} cannot use a write-ahead log (journal_mode is ${String(mode)}); put it on a local disk`
      throw refusal('cannot_open', 'open', message)
    }
    db.exec(`PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`)
    if (schema !== 'current') bringUpToDate(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function quickCheck(db: DatabaseSync, { path, quickCheckMaxBytes }: SqliteSettings): void {
  if (statSync(path).size > quickCheckMaxBytes) return
  const answer = String(pragma(db, 'quick_check(1)'))
  if (answer === 'ok') return
  const message = `${path} is damaged (${answer.slice(0, 200)}); stop the program and restore the file from a backup`
  throw refusal('corrupt', 'open', message)
}

function openError(error: unknown, path: string): Error {
  const failure = unavailable(error, 'open', path)
  if (failure.reason !== 'cannot_open' || failure === error) return failure
  return refusal('cannot_open', 'open', `${path} cannot be opened: ${obstacle(path)}`, error)
}

/** SQLite says only that it could not. Never opens the file: closing it would drop SQLite's locks in this process. */
function obstacle(path: string): string {
  const directory = dirname(path)
  let above
  try {
    const file = statSync(path, { throwIfNoEntry: false })
    if (file?.isDirectory() === true) return 'it is a directory; name a file in it'
    above = statSync(directory, { throwIfNoEntry: false })
  } catch {
    return `${directory} cannot be reached; check the path and its permissions`
  }
  if (above === undefined) return `the directory ${directory} does not exist; create it first`
  if (!above.isDirectory()) return `${directory} is not a directory; choose another path`
  return `check that this process may read and write the file and create files in ${directory}`
}
