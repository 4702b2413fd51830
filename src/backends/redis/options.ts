/** The options of the Redis backend, checked. */

import { checkRedisSource, type RedisSource } from '../../connections/redis.ts'
import { InvalidOptionsError } from '../../task/errors.ts'
import { readFields } from '../../task/reading.ts'

export interface RedisBackendOptions {
  /**
   * A client of ioredis, a URL such as `redis://localhost:6379`, or options of ioredis. A client is copied: it is neither
   * used nor changed nor closed.
   */
  readonly client: RedisSource
  /**
   * What every key begins with, in braces, so that a cluster keeps them together: 1 to 100 of letters, digits and `_.:-`.
   * Default `plainsight`. Executors with the same prefix work on the same records. A `keyPrefix` of the client comes before
   * it: `app:{plainsight}:…`.
   */
  readonly prefix?: string | undefined
  /**
   * What happens when Redis is not set up to log each change on its disk (`appendonly yes`): `'warn'` (default) reports it
   * once as `backend.error` with code `not_durable`, `'required'` refuses to open with that reason, `'ignore'` says nothing.
   */
  readonly durability?: 'warn' | 'required' | 'ignore' | undefined
}

export interface RedisSettings {
  readonly client: unknown
  readonly prefix: string
  readonly durability: 'warn' | 'required' | 'ignore'
}

export const WHERE = 'redisBackend: '
const PREFIX_PATTERN = /^[\w.:-]{1,100}$/
const OPTION_NAMES: ReadonlySet<string> = new Set(['client', 'prefix', 'durability'])

/** @throws {InvalidOptionsError} INVALID_OPTIONS naming the option */
export function checkSettings(options: unknown): RedisSettings {
  const fields = readFields(options, 'options', 'an object { client, prefix, durability }', WHERE)
  for (const [name, value] of Object.entries(fields)) {
    if (OPTION_NAMES.has(name)) continue
    throw new InvalidOptionsError(name, 'left out: there is no such option', value, WHERE)
  }
  const { client, prefix = 'plainsight', durability = 'warn' } = fields
  checkRedisSource(client, WHERE)
  if (typeof prefix !== 'string' || !PREFIX_PATTERN.test(prefix)) {
    const expected = '1 to 100 letters, digits or any of _.:-'
    throw new InvalidOptionsError('prefix', expected, prefix, WHERE)
  }
  if (durability !== 'warn' && durability !== 'required' && durability !== 'ignore') {
    throw new InvalidOptionsError('durability', '"warn", "required" or "ignore"', durability, WHERE)
  }
  return { client, prefix, durability }
}
