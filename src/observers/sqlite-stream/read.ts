/** `readSqliteEvents`: the events of a SQLite file, as they come. */

import type { StreamItem } from '../stream/item.ts'
import { readOptions } from '../observer-options.ts'
import { readStream } from '../stream/read.ts'
import { READ_OPTION_NAMES, readSettings, type ReadOptions } from '../stream/read-options.ts'
import { readPath } from './path.ts'
import { ENTRY_ID, sqliteEntries } from './source.ts'

const WHERE = 'readSqliteEvents: '

/**
 * The events of a file that `sqliteStreamObserver` writes: as `readEvents` for Redis, with the same items and options. The
 * file is looked at ten times a second; it may be made later.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE from the loop, when the very first look is refused for a reason that
 * waiting does not mend: `foreign_database`, `not_a_database`, `newer_schema`, `cannot_open`
 * @example
 * for await (const item of readSqliteEvents('events.db', { from: 'start', task: 'billing.*' })) {
 *   if (item.type === 'event') console.log(item.event.type)
 * }
 */
export function readSqliteEvents(
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<StreamItem, void, undefined> {
  const given = readOptions(options, READ_OPTION_NAMES, WHERE)
  const place = readPath(path, WHERE)
  const settings = readSettings(given, ENTRY_ID, { '0': 'start' }, WHERE)
  return readStream({ ...settings, open: () => sqliteEntries(place) })
}
