import { expect, test } from 'vitest'
import { A, newRecord, NOW, stateOf } from '../../../src/testing/backend-cases/case.ts'
import { adminOf, openBackend, testServer } from '../../support/redis-backends.ts'

const QUEUES = 2_000
const CLAIM = { names: ['send-mail'], limit: 10, dueBefore: NOW }

test('a claim among thousands of queues takes the best of all, and reads little more than it takes', async () => {
  const server = await testServer()
  const admin = adminOf(server)
  const backend = await openBackend({ client: server.url })
  const scheduled = stateOf({ status: 'scheduled', dueAt: NOW })
  await backend.insert(
    Array.from({ length: 2 * QUEUES }, (_, index) => {
      const queue = `q-${index % QUEUES}`
      const priority = (index * 7_919) % 1_000
      const record = newRecord(null, { id: `r-${index}`, queue, priority })
      return index % 3 === 0 ? { ...record, state: scheduled } : record
    }),
  )
  // All of them have become due, and then the clock was set back: those that wait for their time stay.
  while ((await admin.zcard('{plainsight}:later')) > 0) {
    await backend.claim(A, { ...CLAIM, names: ['none'] })
  }
  await admin.config('RESETSTAT')
  const early = { ...CLAIM, dueBefore: NOW - 1 }
  const got = [...(await backend.claim(A, early)), ...(await backend.claim(A, early))]
  const stats = await admin.info('commandstats')
  const calls = (command: string): number =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  expect(calls('hmget')).toBeLessThan(200)
  expect(calls('zrange')).toBeLessThan(2 * QUEUES + 200)
  const best = Array.from({ length: 2 * QUEUES }, (_, index) => index)
    .filter((index) => index % 3 !== 0)
    .toSorted((a, b) => ((b * 7_919) % 1_000) - ((a * 7_919) % 1_000) || a - b)
  expect(got.map(({ spec }) => spec.id)).toEqual(best.slice(0, 20).map((index) => `r-${index}`))
})
