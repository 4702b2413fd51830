/** What one process says and another does, on every store that both can share: P3, P4, E4, R3. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createExecutor,
  TaskCancelledError,
  TaskFailedError,
  type Executor,
} from '../../../src/index.ts'
import { waitFor } from '../../../src/testing.ts'
import { startChild, type Child } from '../../support/child.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'
import { backendOf } from './across-stores.ts'

const PROGRAM = join(import.meta.dirname, 'across-program.ts')
/** A store without locks takes an owner for dead after 21 s. */
const RECOVERY_MS = 21_000

async function placeOf(kind: string): Promise<string> {
  if (kind === 'redis') return `${await redisUrl()}#${freshPrefix()}`
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'tasks.db')
}

async function worker(kind: string, place: string): Promise<Child> {
  const child = startChild(PROGRAM, [kind, place])
  onTestFinished(() => child.kill())
  await child.line('started')
  return child
}

/** A process that enqueues, asks and decides, and runs nothing. */
async function web(kind: string, place: string): Promise<Executor> {
  const executor = createExecutor({ work: false, backend: backendOf(kind, place), observers: [] })
  onTestFinished(() => executor.close())
  await executor.start()
  return executor
}

describe.each(['sqlite', 'redis'])(
  'two processes on one store: %s',
  { timeout: 60_000 },
  (kind) => {
    test('a result, its record and its logs come to the one that enqueued it, within a second', async () => {
      const place = await placeOf(kind)
      const child = await worker(kind, place)
      const executor = await web(kind, place)
      const handle = await executor.enqueue('add', { a: 2, b: 3 }, { tags: { plan: 'pro' } })
      expect(await handle.result({ timeout: '10s' })).toBe(5)
      const arrivedAt = Date.now()
      const line = await child.line(`succeeded ${handle.id}`)
      expect(arrivedAt - Number(line.split(' ')[2])).toBeLessThan(1_200)
      const record = await handle.record()
      expect(record).toMatchObject({ status: 'succeeded', tags: { plan: 'pro' }, result: 5 })
      expect(record?.logs).toEqual([expect.stringMatching(/^\S+ adding$/)])
      const { records } = await executor.list({ tags: { plan: 'pro' }, status: ['succeeded'] })
      expect(records.map(({ id }) => id)).toEqual([handle.id])
      expect(await executor.counts()).toMatchObject({ succeeded: 1 })
    })

    test('a running body is aborted within a second, and ends cancelled with the reason given', async () => {
      const place = await placeOf(kind)
      const child = await worker(kind, place)
      const executor = await web(kind, place)
      const handle = await executor.enqueue('wait', { ms: 60_000 })
      await child.line(`waiting ${handle.id}`)
      const askedMs = performance.now()
      expect(await handle.cancel({ reason: 'changed my mind', by: 'ada' })).toBe(true)
      await child.line(`aborted ${handle.id}`)
      expect(performance.now() - askedMs).toBeLessThan(1_000)
      await expect(handle.result({ timeout: '5s' })).rejects.toThrow(TaskCancelledError)
      expect(await handle.record()).toMatchObject({
        status: 'cancelled',
        reason: 'changed my mind',
      })
    })

    test('a task that waits is cancelled without ever running', async () => {
      const place = await placeOf(kind)
      const executor = await web(kind, place)
      const handle = await executor.enqueue('wait', { ms: 1 })
      const kept = await executor.enqueue('add', { a: 1, b: 1 })
      expect(await handle.cancel()).toBe(true)
      const child = await worker(kind, place)
      expect(await kept.result({ timeout: '10s' })).toBe(2)
      expect(await handle.record()).toMatchObject({ status: 'cancelled' })
      expect(child.lines.filter((line) => line.startsWith('waiting'))).toEqual([])
    })

    test('a failure is told as such, and retried by hand as a new record', async () => {
      const place = await placeOf(kind)
      await worker(kind, place)
      const executor = await web(kind, place)
      const failing = await executor.enqueue('refuse', { until: Date.now() + 1_500 })
      await expect(failing.result({ timeout: '10s' })).rejects.toThrow(TaskFailedError)
      await waitFor(
        () => failing.record().then((record) => Date.now() > 1_500 + (record?.createdAt ?? 0)),
        {
          timeout: '5s',
        },
      )
      const again = await executor.retry(failing.id)
      expect(await again.result({ timeout: '10s' })).toBe('now')
      expect(await again.record()).toMatchObject({ retryOf: failing.id, source: 'retry' })
      await expect(executor.retry(failing.id)).rejects.toMatchObject({ code: 'DUPLICATE_TASK' })
    })

    test('an idempotency key means one task, whoever enqueues it', async () => {
      const place = await placeOf(kind)
      await worker(kind, place)
      const webs = [await web(kind, place), await web(kind, place)]
      const options = { idempotencyKey: 'invoice-42' }
      const handles = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (webs[index % 2] as Executor).enqueue('add', { a: 1, b: 2 }, options),
        ),
      )
      expect(new Set(handles.map(({ id }) => id)).size).toBe(1)
      expect(handles.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
      expect(await handles[7]?.result({ timeout: '10s' })).toBe(3)
      await expect(
        (webs[1] as Executor).enqueue('add', { a: 9, b: 9 }, options),
      ).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
    })

    test('what a killed process was running is recovered by another', async () => {
      const place = await placeOf(kind)
      const first = await worker(kind, place)
      const executor = await web(kind, place)
      const handle = await executor.enqueue('survive', undefined, { retries: 1 })
      await first.line(`survive ${handle.id} 0`)
      const second = await worker(kind, place)
      const killedMs = performance.now()
      first.kill('SIGKILL')
      await second.line(`survive ${handle.id} 1`)
      expect(performance.now() - killedMs).toBeLessThan(RECOVERY_MS)
      expect(await handle.result({ timeout: '5s' })).toBe('recovered 1')
      expect(await handle.record()).toMatchObject({ status: 'succeeded', recoveries: 1 })
    })
  },
)
