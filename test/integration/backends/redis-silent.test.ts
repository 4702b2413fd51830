import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { redisBackend } from '../../../src/redis.ts'
import { startRedis } from '../../support/redis-server.ts'

test('a call that comes while a silent Redis is waited for does not wait for a time-out of its own', async () => {
  const server = await startRedis()
  const backend = redisBackend({ client: server.url })
  const owner = { executorId: 'a', now: Date.now() }
  onTestFinished(async () => {
    server.signal('SIGCONT')
    await backend.close(owner)
    await server.stop()
  })
  await backend.open(owner)
  server.signal('SIGSTOP')
  const refused = async (): Promise<{ reason: string; tookMs: number }> => {
    const startedAt = performance.now()
    const error: unknown = await Promise.resolve(backend.get('id')).catch(
      (caught: unknown) => caught,
    )
    const { reason } = error as { readonly reason: string }
    return { reason, tookMs: performance.now() - startedAt }
  }
  const first = refused()
  await sleep(1_000)
  const second = await refused()
  expect(await first).toMatchObject({ reason: 'timeout' })
  expect(second).toMatchObject({ reason: 'timeout' })
  expect(second.tookMs).toBeLessThan(1_800)
})
