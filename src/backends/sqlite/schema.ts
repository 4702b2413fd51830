/** The tables, and how a file is recognised as one of ours and brought up to date. */

import type { DatabaseSync } from 'node:sqlite'
import { refusal } from '../../connections/sqlite-failure.ts'
import { MIGRATIONS } from './migrations.ts'

/** `PRAGMA application_id`: "plst" in ASCII. */
const APPLICATION_ID = 0x706c7374
/** `PRAGMA user_version` of the tables below. Migration n − 1 leads from version n to n + 1. */
const SCHEMA_VERSION = MIGRATIONS.length + 1

/**
 * - `tasks`: one row per record. `seq` is the position. What claims and filters look at has a column; the rest of
 *   spec and state is text (row.ts). `status` is the index in STATUSES, `owner` a number from `owners`.
 *   `held` is 0 when a claim may take it, 1 while it has a `hold`, 2 when it is due later, at `due_at`; a claim makes
 *   that 0 when the time has come. `due_at` is null for a record that was due when it was written.
 * - `specs`: specs that are too large to be written again with every state.
 * - `tags`: one row per tag of a record, as it stands in the record's `tags`: `"key":"value"`.
 * - `counts`: how many ended records there are of each status, kept in the same transactions.
 * - `logs`: one row per appended chunk.
 * - `keys`: idempotency keys by hash; `orphan` is 1 once the record is gone.
 * - `cancels`: cancels that an owner has to hear of; `fence` is that of the claim by a cancel, else −1.
 * - `owners`: numbers are never used twice, so an executor that returns under its old id is another owner.
 * - `meta`: `lastSeq`, the highest position among removed records; `createdUpTo` and `createdLag`, see creation-order.ts.
 *
 * Indexes of `tasks`, each over a part of the rows, so that a record is in two or three of them at a time:
 * - `tasks_owned`, `tasks_parent`: who has it, and whose child it is;
 * - `tasks_unowned`: what a claim may take, best first within each status, queue and name. Its last three columns
 *   save a look at the row: SQLite checks the conditions of the index again;
 * - `tasks_later`: what a claim may take later, by its time;
 * - `tasks_ended`: what a sweep removes, oldest first within each status;
 * - `tasks_history`: what has ended, for lists.
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
  retried_by TEXT,
  due_at REAL
);
CREATE INDEX tasks_owned ON tasks (owner) WHERE owner IS NOT NULL;
CREATE INDEX tasks_unowned ON tasks (held, status, queue, name, priority DESC, seq,
  due_at, owner, ended_at)
  WHERE owner IS NULL AND ended_at IS NULL;
CREATE INDEX tasks_later ON tasks (due_at) WHERE owner IS NULL AND ended_at IS NULL AND held = 2;
CREATE INDEX tasks_ended ON tasks (status, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_history ON tasks (status, queue, name, seq) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE specs (seq INTEGER PRIMARY KEY, spec TEXT NOT NULL);
CREATE TABLE tags (tag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tag, seq)) WITHOUT ROWID;
CREATE TABLE counts (status INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO counts VALUES (4, 0), (5, 0), (6, 0), (7, 0), (8, 0);
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
INSERT INTO meta VALUES ('lastSeq', 0), ('createdUpTo', 0), ('createdLag', 0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`

/** `none`: an empty file; `old`: our tables as an earlier version made them. */
export type SchemaState = 'none' | 'old' | 'current'

/**
 * Whether the file has our tables. Changes nothing.
 *
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `foreign_database` or `newer_schema`
 */
export function schemaState(db: DatabaseSync, path: string): SchemaState {
  // In one transaction: another process may be making the tables between two of the questions.
  db.exec('BEGIN')
  try {
    return stateInTransaction(db, path)
  } finally {
    db.exec('COMMIT')
  }
}

function stateInTransaction(db: DatabaseSync, path: string): SchemaState {
  const applicationId = pragma(db, 'application_id')
  const version = pragma(db, 'user_version')
  if (applicationId === APPLICATION_ID && typeof version === 'number' && version > 0) {
    if (version === SCHEMA_VERSION) return 'current'
    if (version < SCHEMA_VERSION) return 'old'
    const message = `${path} has schema version ${String(version)}, and this version of plainsight knows ${SCHEMA_VERSION}; upgrade plainsight, or choose another path`
    throw refusal('newer_schema', 'open', message)
  }
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as {
    count: number
  }
  if (applicationId === 0 && version === 0 && tables.count === 0) return 'none'
  const message = `${path} is the database of another program (application_id ${String(applicationId)}, user_version ${String(version)}, ${tables.count} tables and indexes); choose a path of its own for plainsight`
  throw refusal('foreign_database', 'open', message)
}

/**
 * Makes the tables, or brings those of an earlier version up to date, unless another process was faster. In one
 * transaction: a process that dies in the middle leaves the file as it was.
 */
export function bringUpToDate(db: DatabaseSync, path: string): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    const state = stateInTransaction(db, path)
    if (state === 'none') db.exec(TABLES)
    if (state === 'old') migrate(db)
    db.exec('COMMIT')
  } catch (error) {
    try {
      db.exec('ROLLBACK')
    } catch {
      // Some errors (a full disk, for one) have ended the transaction already.
    }
    throw error
  }
}

function migrate(db: DatabaseSync): void {
  const version = pragma(db, 'user_version') as number
  for (const step of MIGRATIONS.slice(version - 1)) step(db)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
}

/** The value of a pragma that answers one row of one column. */
export function pragma(db: DatabaseSync, name: string): unknown {
  const row = db.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
