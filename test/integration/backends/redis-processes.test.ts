import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Backend, NewRecord } from '../../../src/backends/backend.ts'
import { A, newRecord, NOW, stateOf } from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild, type Child } from '../../support/child.ts'
import { openBackend } from '../../support/redis-backends.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'

const PROGRAM = join(import.meta.dirname, 'store-process-child.ts')

async function shared(): Promise<{
  readonly backend: Backend
  start(role: string, executorId: string, argument: string): Child
}> {
  const prefix = freshPrefix()
  const url = await redisUrl()
  const backend = await openBackend({ client: url, prefix })
  return {
    backend,
    start(role, executorId, argument) {
      const child = startChild(PROGRAM, [role, `${url}#${prefix}`, executorId, argument])
      onTestFinished(async () => {
        child.kill('SIGKILL')
        await child.ended
      })
      return child
    },
  }
}

function claimedBy({ lines }: Child): readonly string[] {
  const claims = lines.filter((line) => line.startsWith('claimed '))
  return claims.flatMap((line) => line.split(' ').slice(1)).filter((id) => id !== '')
}

describe('processes that share Redis', () => {
  test('10,000 records, some of them due later, are each claimed by one of 4 processes', async () => {
    const { backend, start } = await shared()
    const count = 10_000
    const recordOf = (index: number): NewRecord => {
      const spec = { id: `r-${index}`, queue: `q-${index % 3}`, priority: index % 7 }
      const dueAt = NOW + (index % 1_000)
      if (index % 2 === 0) return newRecord(null, spec)
      return { ...newRecord(null, spec), state: stateOf({ status: 'scheduled', dueAt }) }
    }
    for (let index = 0; index < count; index += 1_000) {
      await backend.insert(Array.from({ length: 1_000 }, (_, each) => recordOf(index + each)))
    }
    const claimers = Array.from({ length: 4 }, (_, each) => start('claim', `claimer-${each}`, '40'))
    await Promise.all(claimers.map((child) => child.line('closed')))
    const all = claimers.flatMap(claimedBy)
    expect(all).toHaveLength(count)
    expect(new Set(all).size).toBe(count)
    expect(claimers.filter((each) => claimedBy(each).length > 0).length).toBeGreaterThan(1)
  }, 90_000)

  test('200 keys that 4 processes insert ten times each, at once, are 200 records', async () => {
    const { backend, start } = await shared()
    const inserters = Array.from({ length: 4 }, (_, each) =>
      start('keys', `inserter-${each}`, '200'),
    )
    await Promise.all(inserters.map((child) => child.line('closed')))
    const counts = inserters.map(({ lines }) => {
      const line = lines.find((each) => each.startsWith('inserted '))
      return Number(line?.split(' ')[1])
    })
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(200)
    expect((await backend.queries?.countByStatus())?.pending).toBe(200)
  }, 60_000)

  test('what a killed process held is found when its beats are missing, and adopted', async () => {
    const { backend, start } = await shared()
    const records = Array.from({ length: 30 }, () => newRecord(null))
    await backend.insert(records)
    const holder = start('hold', 'holder', '20')
    await waitFor(() => claimedBy(holder).length === 20, { what: 'the claim', timeout: '20s' })
    const owner = { ...A, now: 100_000 }
    holder.kill('SIGKILL')
    await holder.ended
    expect(await backend.deadOwners(owner, owner.now)).toEqual([])
    await waitFor(async () => (await backend.deadOwners(owner, owner.now)).length === 1, {
      what: 'its death',
      timeout: '10s',
    })
    const adopted = await backend.adopt(owner, 'holder', ['send-mail'], 100)
    expect(adopted.map(({ spec }) => spec.id)).toEqual(claimedBy(holder))
    expect(await backend.deadOwners(owner, owner.now)).toEqual([])
  }, 60_000)
})
