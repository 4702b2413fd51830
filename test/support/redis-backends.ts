/** Redis backends over a server of a test's own. */

import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import type { Backend, Owner } from '../../src/backends/backend.ts'
import { redisBackend, type RedisBackendOptions } from '../../src/redis.ts'
import { BackendUnavailableError } from '../../src/task/errors.ts'
import { A } from '../../src/testing/backend-cases/case.ts'
import { startRedis, type RedisServer, type RedisServerOptions } from './redis-server.ts'

export async function testServer(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  onTestFinished(() => server.stop())
  return server
}

/** A connection to look at a server with, and to change it. */
export function adminOf({ port }: Pick<RedisServer, 'port'>): Redis {
  const admin = new Redis(port, { retryStrategy: () => 50 })
  admin.on('error', () => {})
  onTestFinished(() => admin.disconnect())
  return admin
}

/** A backend that `owner` has opened, and closes at the end. */
export async function openBackend(
  options: RedisBackendOptions,
  owner: Owner = A,
): Promise<Backend> {
  const backend = redisBackend({ durability: 'ignore', ...options })
  await backend.open(owner)
  onTestFinished(async () => backend.close(owner))
  return backend
}

/** What `call` is refused with, and how long that took. */
export async function refusalOf(
  call: () => unknown,
): Promise<{ readonly error: BackendUnavailableError; readonly ms: number }> {
  const startedAt = performance.now()
  try {
    await call()
  } catch (error) {
    if (error instanceof BackendUnavailableError)
      return { error, ms: performance.now() - startedAt }
    throw error
  }
  throw new Error('it was not refused')
}
