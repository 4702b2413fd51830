/** Stores entries in a Redis stream, none of them twice. */

import { redisScript, type RedisSource } from '../../connections/redis.ts'
import type { PackedEntry } from '../stream/entry.ts'
import type { EntrySink } from '../stream/observer.ts'
import { keyBeside, openPlace } from './place.ts'

/** The one field of an entry. Entries without it are not ours. */
export const ENTRY_FIELD = 'plainsight'

/** How long Redis remembers a writer that does not write. A batch that was under way for longer might be stored twice. */
const WRITER_SECONDS = 86_400
/** A frozen Redis is given so long before a batch is sent again. */
const COMMAND_TIMEOUT_MS = 5_000
const READY_MS = 1_000
/** The memory of a batch is kept for the next, unless it is larger than most are. */
const MAX_SPARE_BYTES = 1_048_576
/** Of UTF-16, in UTF-8: to count them costs more than memory that is never touched. */
const MAX_BYTES_PER_CHAR = 3

/**
 * KEYS: the stream, the last number of this writer. ARGV: most entries, seconds, the number that has to be stored before,
 * then for each entry its last number and its text. What has been stored is skipped; what has not is stored, and the number
 * with it, also when Redis refuses in the middle. Answers the number that was there before.
 */
const append = redisScript(
  `
local before = redis.call('GET', KEYS[2])
-- What somebody else has written there is as if it had been deleted.
if before and not string.match(before, '^%d+$') then before = false end
local known = tonumber(before or '0')
local last = false
if known < tonumber(ARGV[3]) then return before end
for i = 4, #ARGV, 2 do
  local number = tonumber(ARGV[i])
  if number > known then
    local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', '${ENTRY_FIELD}', ARGV[i + 1])
    if type(added) == 'table' and added.err then
      if last then redis.call('SET', KEYS[2], last, 'EX', ARGV[2]) end
      return added
    end
    known = number
    last = ARGV[i]
  end
end
if last then redis.call('SET', KEYS[2], last, 'EX', ARGV[2]) end
return before
`,
)

export function redisSink(
  client: RedisSource,
  stream: string,
  maxLen: number,
  where: string,
): EntrySink {
  const place = openPlace(client, stream, where, READY_MS, {
    connectionName: 'plainsight-events',
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  })
  // What Redis takes for a number of entries.
  const most = maxLen === Infinity ? Number.MAX_SAFE_INTEGER : maxLen
  const spares: Buffer[] = []

  /**
   * Room for all texts. Given as bytes, they are copied into the command; as strings they would be one long string, which
   * costs more than all else. And memory outside of the heap that is asked for each time makes V8 collect garbage.
   */
  function bytesFor(entries: readonly PackedEntry[]): Buffer {
    let size = 0
    for (const { text } of entries) size += MAX_BYTES_PER_CHAR * text.length
    if (size > MAX_SPARE_BYTES) {
      size = 0
      for (const { text } of entries) size += Buffer.byteLength(text)
    }
    const spare = spares.pop()
    return spare !== undefined && spare.length >= size ? spare : Buffer.allocUnsafeSlow(size)
  }

  return {
    place: place.name,
    remembersMs: WRITER_SECONDS * 1_000,
    append(writer, entries, after) {
      const keys = [place.key, keyBeside(place.key, `writer:${writer}`)]
      const bytes = bytesFor(entries)
      const args: (number | Buffer)[] = [most, WRITER_SECONDS, after]
      let end = 0
      for (const { last, text } of entries) {
        const start = end
        end += bytes.write(text, start)
        args.push(last, bytes.subarray(start, end))
      }
      return place.call('write events', async (connection) => {
        const before = await connection.run(append, keys, args)
        // Answered, so nobody sends it again. After a failure somebody still might: a cluster that redirects, for one.
        if (bytes.length <= MAX_SPARE_BYTES) spares.push(bytes)
        return before === null ? undefined : Number(before)
      })
    },
    close: () => place.connection.close(),
  }
}
