import { afterAll } from 'vitest'
import { valkeyBinary } from '../../scripts/services/valkey.ts'
import { redisConformance } from '../support/redis-conformance.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

let server: RedisServer | undefined

redisConformance('Valkey', async () => {
  server = await startRedis({ binary: await valkeyBinary() })
  return server.url
})
afterAll(() => server?.stop())
