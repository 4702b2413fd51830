/** The tables, and how a file is recognised as one of ours. */

import type { DatabaseSync } from 'node:sqlite'
import { refusal } from './failure.ts'

/** `PRAGMA application_id`: "plst" in ASCII. */
const APPLICATION_ID = 0x706c7374
/** `PRAGMA user_version` of the tables below. */
const SCHEMA_VERSION = 1

/**
 * - `tasks`: one row per record. `seq` is the position. What claims and filters look at has a column; the rest of
 *   spec and state is text (row.ts). `status` is the index in STATUSES, `owner` a number from `owners`.
 * - `specs`: specs that are too large to be written again with every state.
 * - `logs`: one row per appended chunk.
 * - `keys`: idempotency keys by hash; `orphan` is 1 once the record is gone.
 * - `cancels`: cancels that an owner has to hear of; `fence` is that of the claim by a cancel, else −1.
 * - `owners`: numbers are never used twice, so an executor that returns under its old id is another owner.
 * - `meta`: `lastSeq`, the highest position among removed records.
 *
 * Ids, names and queues are checked against a pattern before they come here. All other text of users is inside JSON:
 * node:sqlite cuts text at a NUL on reading, and SQLite has no lone surrogates.
 */
const TABLES = `
CREATE TABLE tasks (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  queue TEXT NOT NULL,
  priority INTEGER NOT NULL,
  status INTEGER NOT NULL,
  owner INTEGER,
  fence INTEGER NOT NULL,
  held INTEGER NOT NULL,
  created_at REAL NOT NULL,
  ended_at REAL,
  parent_id TEXT,
  tags TEXT,
  key TEXT,
  spec TEXT,
  state TEXT NOT NULL,
  progress TEXT,
  cancel TEXT,
  retried_by TEXT
);
CREATE INDEX tasks_owned ON tasks (owner) WHERE owner IS NOT NULL;
CREATE INDEX tasks_unowned ON tasks (held, queue, name, priority DESC, seq)
  WHERE owner IS NULL AND ended_at IS NULL;
CREATE INDEX tasks_ended ON tasks (ended_at, status) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE specs (seq INTEGER PRIMARY KEY, spec TEXT NOT NULL);
CREATE TABLE logs (
  seq INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  lines TEXT NOT NULL,
  PRIMARY KEY (seq, fence, chunk)
) WITHOUT ROWID;
CREATE TABLE keys (
  key TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  held_until REAL NOT NULL,
  orphan INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX keys_orphans ON keys (held_until) WHERE orphan = 1;
CREATE TABLE cancels (seq INTEGER PRIMARY KEY, fence INTEGER NOT NULL);
CREATE TABLE owners (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  registered INTEGER NOT NULL,
  beat_at REAL NOT NULL,
  started_at REAL NOT NULL,
  pid INTEGER NOT NULL
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('lastSeq', 0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * Whether the file has our tables; false when it is empty. Changes nothing.
 *
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `foreign_database` or `newer_schema`
 */
export function hasSchema(db: DatabaseSync, path: string): boolean {
  const applicationId = pragma(db, 'application_id')
  const version = pragma(db, 'user_version')
  if (applicationId === APPLICATION_ID) {
    if (typeof version === 'number' && version <= SCHEMA_VERSION) return true
    const message = `${path} has schema version ${String(version)}, and this version of plainsight knows ${SCHEMA_VERSION}; upgrade plainsight, or choose another path`
    throw refusal('newer_schema', 'open', message)
  }
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as {
    count: number
  }
  if (applicationId === 0 && version === 0 && tables.count === 0) return false
  const message = `${path} is the database of another program (application_id ${String(applicationId)}, ${tables.count} tables and indexes); choose a path of its own for plainsight`
  throw refusal('foreign_database', 'open', message)
}

/** Makes the tables, unless another process was faster. */
export function createSchema(db: DatabaseSync, path: string): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (!hasSchema(db, path)) db.exec(TABLES)
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** The value of a pragma that answers one row of one column. */
export function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
