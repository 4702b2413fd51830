/** The file of an event stream: what is in it, and how it is opened. */

import type { DatabaseSync } from 'node:sqlite'
import { refusal } from '../../connections/sqlite-failure.ts'

/** How long a statement waits for a lock, blocking the event loop: long enough for another's usual commit. */
const BUSY_TIMEOUT_MS = 10
/** "PlEv". The files of `sqliteBackend` have another. */
const APPLICATION_ID = 0x50_6c_45_76
const FORMAT_VERSION = 1

// Ids are never used again, whatever is deleted: a reader may be anywhere.
const TABLES = `
CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
CREATE TABLE writers (writer TEXT PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${FORMAT_VERSION};
`

/** For errors: what was to be done. */
type StreamOperation = 'write events' | 'read events'

/** Opens the file for writing, and makes its tables if it is new. Throws what SQLite throws, or a refusal of ours. */
export function openForWriting(path: string): DatabaseSync {
  const db = open(path)
  try {
    // Whose file it is comes first: nothing in another program's database is changed.
    const isNew = isEmpty(db, path, 'write events')
    if (value(db, 'journal_mode = WAL') !== 'wal') {
      const message = `${path} cannot use a write-ahead log; put it on a local disk`
      throw refusal('cannot_open', 'write events', message)
    }
    db.exec('PRAGMA synchronous = NORMAL')
    if (isNew) makeTables(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Opens the file, which has to be there, for reading; `undefined` when nobody has written to it yet. */
export function openForReading(path: string): DatabaseSync | undefined {
  const db = open(path)
  try {
    if (!isEmpty(db, path, 'read events')) return db
  } catch (error) {
    db.close()
    throw error
  }
  db.close()
  return undefined
}

function open(path: string): DatabaseSync {
  // Loaded here: `import 'plainsight/sqlite'` alone prints no ExperimentalWarning on Node 22.
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  const db = new Database(path)
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  return db
}

function isEmpty(db: DatabaseSync, path: string, operation: StreamOperation): boolean {
  const application = value(db, 'application_id')
  const version = value(db, 'user_version')
  if (application === APPLICATION_ID && version === FORMAT_VERSION) return false
  if (application === APPLICATION_ID && Number(version) > FORMAT_VERSION) {
    const message = `${path} has format version ${String(version)}, and this version of plainsight knows ${FORMAT_VERSION}; upgrade plainsight, or choose another path`
    throw refusal('newer_schema', operation, message)
  }
  const { count } = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as {
    count: number
  }
  if (application === 0 && version === 0 && count === 0) return true
  const message = `${path} is another database (application_id ${String(application)}, ${count} tables and indexes); an event stream has a file of its own: choose another path`
  throw refusal('foreign_database', operation, message)
}

/** In one transaction: whoever comes meanwhile finds all of it or nothing. */
function makeTables(db: DatabaseSync, path: string): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (isEmpty(db, path, 'write events')) db.exec(TABLES)
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

function value(db: DatabaseSync, pragma: string): unknown {
  const row = db.prepare(`PRAGMA ${pragma}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
