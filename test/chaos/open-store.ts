/** The store that the processes of a chaos run share: a file of SQLite, or a Redis. */

import { rmSync } from 'node:fs'
import type { Backend } from '../../src/backends/backend.ts'

/** `place`: a path, or a URL of Redis with the prefix as its fragment. The durability is that of a file. */
export async function openStore(
  place: string,
  durability: 'process' | 'power' = 'process',
): Promise<Backend> {
  // Each only where it is used: a process that is killed a thousand times should start quickly.
  if (isRedis(place)) {
    const { redisBackend } = await import('../../src/redis.ts')
    const [client = '', prefix] = place.split('#')
    return redisBackend({ client, ...(prefix === undefined ? {} : { prefix }) })
  }
  const { sqliteBackend } = await import('../../src/sqlite.ts')
  return sqliteBackend(place, { durability })
}

/** Leaves only the beat to say whether the executor lives. A Redis has no locks. */
export async function removeLock(place: string, executorId: string): Promise<void> {
  if (isRedis(place)) return
  const { lockPath } = await import('../../src/backends/sqlite/owner-lock.ts')
  rmSync(lockPath(place, executorId), { force: true })
}

function isRedis(place: string): boolean {
  return /^rediss?:/.test(place)
}
