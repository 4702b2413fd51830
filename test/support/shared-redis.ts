/** One Redis for a test file: that of `REDIS_URL`, or one that is started when it is first asked for. */

import { afterAll } from 'vitest'
import { startRedis, type RedisServer } from './redis-server.ts'

let server: Promise<RedisServer> | undefined
let lastPrefix = 0

/** Its URL. Others may use it as well: see {@link freshPrefix}. */
export async function redisUrl(): Promise<string> {
  const given = process.env['REDIS_URL']
  if (given !== undefined && given !== '') return given
  server ??= startRedis()
  return (await server).url
}

/** A beginning of keys that nobody else has. */
export function freshPrefix(): string {
  return `test-${process.pid}-${Date.now()}-${++lastPrefix}`
}

afterAll(async () => {
  await (await server)?.stop()
  server = undefined
})
