/** Stores entries in a SQLite file, none of them twice. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { isBusy, unavailable } from '../../connections/sqlite-failure.ts'
import { watchFile, type FileWatch } from '../../connections/sqlite-file-watch.ts'
import type { PackedEntry } from '../stream/entry.ts'
import type { EntrySink } from '../stream/observer.ts'
import { openForWriting } from './database.ts'

/** How long a writer that does not write is remembered. A batch that was under way for longer might be stored twice. */
const WRITER_MS = 86_400_000
/** The most old entries that one commit removes: it must not take long. */
const TRIM_ENTRIES = 200
const BUSY_DELAY_MS = 10
const MAX_BUSY_MS = 1_000

interface OpenFile {
  readonly db: DatabaseSync
  readonly isLost: FileWatch
  readonly lastOf: StatementSync
  readonly insert: StatementSync
  readonly remember: StatementSync
  readonly oldest: StatementSync
  readonly trim: StatementSync
}

export function sqliteSink(path: string, maxLen: number): EntrySink {
  let file: OpenFile | undefined

  /** Answers at once, so that it can be called when the process ends. */
  function append(writer: string, entries: readonly PackedEntry[]): number | undefined {
    // Writing on to a deleted file would be for nobody.
    if (file?.isLost() !== undefined) close()
    file ??= openFile(path)
    const { db, lastOf, insert, remember, oldest, trim } = file
    db.exec('BEGIN IMMEDIATE')
    try {
      const row = lastOf.get(writer) as { last: number } | undefined
      const before = row?.last
      let known = before ?? 0
      let newest: number | bigint = 0
      for (const { last, text } of entries) {
        if (last <= known) continue
        newest = insert.run(text).lastInsertRowid
        known = last
      }
      remember.run(writer, known, Date.now())
      if (newest !== 0 && maxLen !== Infinity) {
        const { id } = oldest.get() as { id: number }
        const keepFrom = Number(newest) - maxLen + 1
        if (id < keepFrom) trim.run(Math.min(keepFrom, id + TRIM_ENTRIES + entries.length))
      }
      db.exec('COMMIT')
      return before
    } catch (error) {
      try {
        db.exec('ROLLBACK')
      } catch {
        // Some errors (a full disk, for one) have ended the transaction already.
      }
      throw error
    }
  }

  function close(): void {
    file?.db.close()
    file = undefined
  }

  async function whenFree(
    writer: string,
    entries: readonly PackedEntry[],
  ): Promise<number | undefined> {
    for (let waitedMs = 0; ; waitedMs += BUSY_DELAY_MS) {
      await sleep(BUSY_DELAY_MS, undefined, { ref: false })
      try {
        return append(writer, entries)
      } catch (error) {
        if (!isBusy(error) || waitedMs >= MAX_BUSY_MS) throw failure(error)
      }
    }
  }

  const failure = (error: unknown): Error => unavailable(error, 'write events', path)

  return {
    place: `the stream ${path}`,
    remembersMs: WRITER_MS,
    append(writer, entries) {
      try {
        return append(writer, entries)
      } catch (error) {
        if (isBusy(error)) return whenFree(writer, entries)
        throw failure(error)
      }
    },
    close() {
      try {
        close()
      } catch {
        // It had nothing left to write.
      }
    },
  }
}

function openFile(path: string): OpenFile {
  const db = openForWriting(path)
  try {
    db.prepare('DELETE FROM writers WHERE at < ?').run(Date.now() - WRITER_MS)
    return {
      db,
      isLost: watchFile(path),
      lastOf: db.prepare('SELECT last FROM writers WHERE writer = ?'),
      insert: db.prepare('INSERT INTO entries (entry) VALUES (?)'),
      remember: db.prepare('INSERT OR REPLACE INTO writers (writer, last, at) VALUES (?, ?, ?)'),
      oldest: db.prepare('SELECT min(id) AS id FROM entries'),
      trim: db.prepare('DELETE FROM entries WHERE id < ?'),
    }
  } catch (error) {
    db.close()
    throw error
  }
}
