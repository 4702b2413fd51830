/** Reads the entries of a SQLite file, and waits for new ones by looking. */

import { statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { unavailable } from '../../connections/sqlite-failure.ts'
import { watchFile, type FileWatch } from '../../connections/sqlite-file-watch.ts'
import type { EntrySource, RawEntry } from '../stream/read.ts'
import { openForReading } from './database.ts'

export const ENTRY_ID: RegExp = /^\d{1,16}$/

/** So many entries are read at once: what a reader has in memory, however slow it is. */
const COUNT = 20
/** Between two looks. One look costs some microseconds. */
const LOOK_MS = 100
const WAIT_MS = 5_000

interface OpenFile {
  readonly db: DatabaseSync
  readonly isLost: FileWatch
  readonly after: StatementSync
  readonly first: StatementSync
  readonly newest: StatementSync
}

export function sqliteEntries(path: string): EntrySource {
  const closed = new AbortController()
  let file: OpenFile | undefined

  /** The file that is there now; `undefined` while there is none, or nobody has written to it. */
  function current(): OpenFile | undefined {
    if (file?.isLost() !== undefined) close()
    if (file === undefined && statSync(path, { throwIfNoEntry: false }) !== undefined) {
      file = openFile(path)
    }
    return file
  }

  function close(): void {
    file?.db.close()
    file = undefined
  }

  function look(after: string): readonly RawEntry[] {
    const opened = current()
    if (opened === undefined) return []
    const found = rowsOf(opened, Number(after))
    // Another file than the one whose id this is: all of it is new.
    return found.length === 0 && newestOf(opened) < Number(after) ? rowsOf(opened, 0) : found
  }

  async function call<T>(make: () => T | Promise<T>): Promise<T> {
    try {
      closed.signal.throwIfAborted()
      return await make()
    } catch (error) {
      if (closed.signal.aborted) throw error
      throw unavailable(error, 'read events', path)
    }
  }

  return {
    origin: '0',
    read: (after) =>
      call(async () => {
        for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
          const entries = look(after)
          if (entries.length > 0 || waitedMs >= WAIT_MS) return entries
          await sleep(LOOK_MS, undefined, { signal: closed.signal })
        }
      }),
    first: () =>
      call(() => {
        const row = current()?.first.get() as { id: number | null } | undefined
        const id = row?.id ?? undefined
        return id === undefined ? undefined : String(id)
      }),
    last: () =>
      call(() => {
        const opened = current()
        return opened === undefined ? '0' : String(newestOf(opened))
      }),
    order: (a, b) => Number(a) - Number(b),
    before: (id) => String(Math.max(0, Number(id) - 1)),
    close() {
      closed.abort()
      close()
    },
  }
}

function rowsOf({ after }: OpenFile, id: number): readonly RawEntry[] {
  const rows = after.all(id, COUNT) as unknown as readonly { id: number; entry: string }[]
  return rows.map((row) => ({ id: String(row.id), text: row.entry }))
}

function newestOf({ newest }: OpenFile): number {
  return (newest.get() as { seq: number } | undefined)?.seq ?? 0
}

function openFile(path: string): OpenFile | undefined {
  const db = openForReading(path)
  if (db === undefined) return undefined
  try {
    return {
      db,
      isLost: watchFile(path),
      after: db.prepare('SELECT id, entry FROM entries WHERE id > ? ORDER BY id LIMIT ?'),
      first: db.prepare('SELECT min(id) AS id FROM entries'),
      newest: db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'entries'"),
    }
  } catch (error) {
    db.close()
    throw error
  }
}
