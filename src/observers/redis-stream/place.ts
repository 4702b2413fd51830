/** A stream in Redis: which key it is, and the connection that leads there. */

import {
  checkRedisSource,
  connectRedis,
  type RedisConnection,
  type RedisConnectionOptions,
  type RedisSource,
} from '../../connections/redis.ts'
import { redisFailure } from '../../connections/redis-failure.ts'
import { BackendUnavailableError, InvalidOptionsError } from '../../task/errors.ts'

/** Where a stream is. */
export interface RedisStreamPlace {
  /** A client of ioredis (5.10 or later), a URL, or options of ioredis. A client is copied, never used or closed. */
  readonly client: RedisSource
  /** The key of the stream. Default `plainsight:events`. A `keyPrefix` of the client comes before it. */
  readonly stream?: string | undefined
}

export const DEFAULT_STREAM = 'plainsight:events'

const MAX_KEY_CHARS = 1_000

/** @throws {InvalidOptionsError} INVALID_OPTIONS naming the option */
export function checkPlace(client: unknown, stream: unknown, where: string): void {
  checkRedisSource(client, where)
  if (typeof stream !== 'string' || stream === '' || stream.length > MAX_KEY_CHARS) {
    const expected = `a key of 1 to ${MAX_KEY_CHARS} characters`
    throw new InvalidOptionsError('stream', expected, stream, where)
  }
  // What stands beside the stream has to be on the same node of a cluster.
  if (/[{}]/.test(stream) && !HASH_TAG.test(stream)) {
    const expected = 'a key with braces around a hash tag only, such as "{app}:events"'
    throw new InvalidOptionsError('stream', expected, stream, where)
  }
}

/** The first brace, and the first that closes after it. Source: redis.io/docs, cluster specification, hash tags */
const HASH_TAG = /^[^{}]*\{[^{}]+\}/

/** A key beside that of the stream, in the same slot, and with the same beginning: what ACLs go by. */
export function keyBeside(streamKey: string, rest: string): string {
  return HASH_TAG.test(streamKey) ? `${streamKey}:${rest}` : `${streamKey}:{${streamKey}}:${rest}`
}

/** An open connection to the place of a stream. */
export interface OpenPlace {
  readonly connection: RedisConnection
  /** With the prefix of the client. */
  readonly key: string
  /** For messages. */
  readonly name: string
  /** Calls when there is a connection; what goes wrong is said as {@link BackendUnavailableError}. */
  call<T>(operation: string, make: (connection: RedisConnection) => Promise<T>): Promise<T>
}

export function openPlace(
  client: RedisSource,
  stream: string,
  where: string,
  readyMs: number,
  options: RedisConnectionOptions,
): OpenPlace {
  const connection = connectRedis(client, where, options)
  const name = `stream ${JSON.stringify(stream)} at ${connection.place}`
  return {
    connection,
    key: connection.keyPrefix + stream,
    name,
    async call(operation, make) {
      try {
        await connection.ready(readyMs)
        return await make(connection)
      } catch (error) {
        const { reason, message, cause } = redisFailure(error, connection.trouble)
        const text = `${name}: ${message}`
        throw new BackendUnavailableError('redis', operation, reason, text, { cause })
      }
    },
  }
}
