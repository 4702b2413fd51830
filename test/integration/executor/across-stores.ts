/** The stores that processes can share, by name. */

import type { Backend } from '../../../src/backends/backend.ts'
import { redisBackend } from '../../../src/redis.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'

/** `place`: the path of a file; or a URL with the prefix behind a `#`. */
export function backendOf(kind: string, place: string): Backend {
  if (kind === 'sqlite') return sqliteBackend(place)
  const [client = '', prefix] = place.split('#')
  return redisBackend({ client, prefix })
}
