/** The conformance suite of backends on a server that speaks the protocol of Redis. */

import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { redisBackend } from '../../src/redis.ts'
import { backendCases, type BackendSetup } from '../../src/testing/backend-cases.ts'
import { faultyBackend, seededFaults, type FaultPlan } from '../../src/testing/faulty-backend.ts'
import { repeatingBackend } from '../../src/testing/repeating-backend.ts'
import { everySecond } from '../unit/backends/fault-plan.ts'
import { freshPrefix } from './shared-redis.ts'

export function redisConformance(name: string, serverUrl: () => Promise<string>): void {
  let url: string
  let client: Redis

  beforeAll(async () => {
    url = await serverUrl()
    client = new Redis(url)
  })
  afterAll(() => client.disconnect())

  /** A setup over keys of its own, each backend object of it wrapped. */
  function setup(wrap: (backend: Backend) => Backend): BackendSetup {
    const prefix = freshPrefix()
    const backend = (): Backend => redisBackend({ client: url, prefix, durability: 'ignore' })
    return {
      backend: wrap(backend()),
      reopen: () => wrap(backend()),
      loseLease: (executorId) => takeLease(prefix, backend(), executorId),
    }
  }

  /** Whoever has not sent a beat for long, while others have, is dead to another process. */
  async function takeLease(prefix: string, other: Backend, executorId: string): Promise<void> {
    const owner = { executorId: 'undertaker', now: 100_000 }
    await other.open(owner)
    const owners = `{${prefix}}:owners`
    const [token = ''] = (await client.hget(owners, executorId))?.split(' ') ?? []
    await client.hset(owners, executorId, `${token} 1 ${Date.now() - 20_000}`)
    await client.hset(`{${prefix}}:meta`, 'since', `${Date.now() - 20_000}`)
    expect(await other.deadOwners(owner, owner.now - 15_000)).toEqual([executorId])
    await other.adopt(owner, executorId, ['send-mail'], 1_000)
    await other.close(owner)
  }

  describe(`redisBackend on ${name}`, () => {
    test.each(backendCases)('$name', (each) => each.run(setup((backend) => backend)))
  })

  describe(`redisBackend on ${name} behind faults, with a caller that repeats`, () => {
    const behind = (plan: FaultPlan) => (backend: Backend) =>
      repeatingBackend(faultyBackend(backend, plan))

    describe.each(['failBefore', 'failAfter', { slowMs: 1 }] as const)('%j', (fault) => {
      test.each(backendCases)('$name', (each) => each.run(setup(behind(everySecond(fault)))))
    })

    test.each(backendCases)('seeded: $name', (each) =>
      each.run(setup(behind(seededFaults(20_261_121, { failBefore: 0.3, slow: 0.1 })))),
    )
  })
}
