/** Stores entries in a Redis stream, none of them twice. */

import { redisScript, type RedisSource } from '../../connections/redis.ts'
import type { EntrySink } from '../stream/observer.ts'
import { keyBeside, openPlace } from './place.ts'

/** The one field of an entry. Entries without it are not ours. */
export const ENTRY_FIELD = 'plainsight'

/** How long Redis remembers a writer that does not write. A batch that was under way for longer might be stored twice. */
const WRITER_SECONDS = 86_400
/** A frozen Redis is given so long before a batch is sent again. */
const COMMAND_TIMEOUT_MS = 5_000
const READY_MS = 1_000

/**
 * KEYS: the stream, the last number of this writer. ARGV: most entries, seconds, then for each entry its last number and its
 * text. What has been stored is skipped; what has not is stored, and the number with it, also when Redis refuses in the
 * middle. Answers the number that was there before.
 */
const append = redisScript(
  'append events',
  `
local before = redis.call('GET', KEYS[2])
local known = tonumber(before or '0')
local last = false
for i = 3, #ARGV, 2 do
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
  return {
    place: place.name,
    append(writer, entries) {
      const keys = [place.key, keyBeside(place.key, `writer:${writer}`)]
      const args: (string | number)[] = [most, WRITER_SECONDS]
      for (const { last, text } of entries) args.push(last, text)
      return place.call('write events', async (connection) => {
        const before = await connection.run(append, keys, args)
        return before === null ? undefined : Number(before)
      })
    },
    close: () => place.connection.close(),
  }
}
