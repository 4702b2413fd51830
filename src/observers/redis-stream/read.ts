/** `readEvents`: the events of a Redis stream, as they come. */

import { readOptions } from '../observer-options.ts'
import type { StreamItem } from '../stream/item.ts'
import { readStream } from '../stream/read.ts'
import { READ_OPTION_NAMES, readSettings, type ReadOptions } from '../stream/read-options.ts'
import { checkPlace, DEFAULT_STREAM, type RedisStreamPlace } from './place.ts'
import { ENTRY_ID, ENTRY_WORDS, redisEntries } from './source.ts'

/** Options of {@link readEvents}. */
export interface ReadEventsOptions extends RedisStreamPlace, ReadOptions {}

const WHERE = 'readEvents: '
const OPTION_NAMES = [...READ_OPTION_NAMES, 'client', 'stream']

/**
 * The events of a stream that `redisStreamObserver` writes, in its order, as an async iterator that goes on for ever: until
 * the loop is left, or `signal` aborts. Each event comes once, also when the connection breaks; where events are missing,
 * an item of type `gap` says so. An item's `id`, given as `from`, goes on after that item: in another process, too.
 *
 * Reads when it is asked for items, so a slow loop has only some entries in memory. It has a connection of its own, opened
 * with the first item and closed with the loop, and connects again for as long as it takes (`onError` is told).
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when an option is wrong or unknown
 * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE from the loop, when the very first call is refused for a reason
 * that waiting does not mend: `access_denied`, `wrong_type`
 * @example
 * for await (const item of readEvents({ client, stream: 'app:events', minLevel: 'warning' })) {
 *   if (item.type === 'event') console.log(item.event.type, item.event.level)
 *   else if (item.type === 'gap') console.log(`${item.count ?? 'some'} events are missing: ${item.reason}`)
 * }
 */
export function readEvents(
  options: ReadEventsOptions,
): AsyncGenerator<StreamItem, void, undefined> {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { client, stream = DEFAULT_STREAM } = given
  checkPlace(client, stream, WHERE)
  const settings = readSettings(given, ENTRY_ID, ENTRY_WORDS, WHERE)
  return readStream({ ...settings, open: () => redisEntries(client, stream, WHERE) })
}
