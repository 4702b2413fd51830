import { describe, expect, it } from 'vitest'
import { defineTask, withContext } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const pay = defineTask({
  name: 'pay',
  retries: 1,
  backoff: { delay: '5s', jitter: 'none' },
  run: async ({ amount }: { amount: number }, { attempt, log, progress }) => {
    log('paying', { amount })
    progress(attempt + 1, 2)
    if (attempt === 0)
      throw Object.assign(new TypeError('declined'), { code: 'E_CARD', card: { last4: '4242' } })
    return { paid: amount, at: new Date(0) }
  },
})

describe.each(stores)('the record, on $name', ({ create }) => {
  it('says everything that is known of a task', async () => {
    const clock = manualClock()
    const start = clock.now()
    const open = create()
    const { executor } = recorded({ backend: open(), tasks: [pay], clock, id: 'e1' })
    const handle = await withContext({ requestId: 'r1' }, () =>
      executor.enqueue(
        pay,
        { amount: 7 },
        {
          id: 'p1',
          label: 'Pay 7',
          tags: { plan: 'pro' },
          headers: { from: 'web' },
          queue: 'money',
          priority: 3,
          delay: '10s',
          expires: '1h',
          idempotencyKey: 'k1',
          traceContext: { traceparent: '00-aa' },
        },
      ),
    )
    const accepted = {
      id: 'p1',
      name: 'pay',
      label: 'Pay 7',
      status: 'scheduled',
      input: { amount: 7 },
      result: undefined,
      resultError: undefined,
      error: undefined,
      reason: undefined,
      tags: { plan: 'pro' },
      headers: { from: 'web' },
      attempt: 0,
      maxAttempts: 2,
      retriesUsed: 0,
      recoveries: 0,
      createdAt: start,
      dueAt: start + 10_000,
      startedAt: undefined,
      endedAt: undefined,
      expiresAt: start + 3_600_000,
      waitMs: undefined,
      durationMs: undefined,
      totalMs: undefined,
      queue: 'money',
      priority: 3,
      source: 'api',
      parentId: undefined,
      rootId: 'p1',
      retryOf: undefined,
      retriedBy: undefined,
      idempotencyKey: 'k1',
      traceContext: { traceparent: '00-aa' },
      requestContext: { requestId: 'r1' },
      progress: undefined,
      hold: undefined,
      cancelRequested: false,
      localOptions: [],
      attempts: [],
      logLines: [],
      logsDropped: 0,
      logs: [],
    }
    const { toJSON: _toJson, ...asAccepted } = (await handle.record()) ?? {}
    expect(asAccepted).toEqual(accepted)

    await clock.advance(10_000)
    expect(await handle.record()).toMatchObject({
      status: 'retrying',
      attempt: 0,
      startedAt: start + 10_000,
      dueAt: start + 15_000,
      waitMs: 0,
      reason: 'error',
      error: {
        name: 'TypeError',
        message: 'declined',
        code: 'E_CARD',
        fields: { card: { last4: '4242' } },
      },
      progress: { done: 1, total: 2 },
    })

    await clock.advance(5_000)
    const { toJSON: _again, ...asEnded } = (await handle.record()) ?? {}
    const time = (second: number): string =>
      new Date(start + second * 1_000).toISOString().slice(0, 19)
    expect(asEnded).toEqual({
      ...accepted,
      status: 'succeeded',
      result: { paid: 7, at: '1970-01-01T00:00:00.000Z' },
      attempt: 1,
      retriesUsed: 1,
      dueAt: start + 15_000,
      startedAt: start + 15_000,
      endedAt: start + 15_000,
      waitMs: 0,
      durationMs: 0,
      totalMs: 15_000,
      progress: { done: 2, total: 2 },
      attempts: [
        {
          attempt: 0,
          outcome: 'failed',
          reason: 'error',
          error: expect.objectContaining({ name: 'TypeError', code: 'E_CARD' }),
          startedAt: start + 10_000,
          endedAt: start + 10_000,
          waitMs: 0,
          durationMs: 0,
          worker: 'e1',
          logCounts: { info: 1 },
        },
        {
          attempt: 1,
          outcome: 'succeeded',
          startedAt: start + 15_000,
          endedAt: start + 15_000,
          waitMs: 0,
          durationMs: 0,
          worker: 'e1',
          logCounts: { info: 1 },
        },
      ],
      logLines: [
        { time: start + 10_000, level: 'info', attempt: 0, message: 'paying' },
        { time: start + 15_000, level: 'info', attempt: 1, message: 'paying' },
      ],
      logs: [`${time(10)} paying`, '--- Retry 1 ---', `${time(15)} paying`],
    })

    const { executor: other } = joined({ backend: open(), work: false, clock, id: 'e2' })
    const { toJSON: _elsewhere, ...elsewhere } = (await other.get('p1')) ?? {}
    expect(elsewhere).toEqual(asEnded)
  })

  it('is named by what it was retried as, and the retry by what it is a retry of', async () => {
    const failing = defineTask({
      name: 'failing',
      run: (): number => {
        throw new Error('boom')
      },
    })
    const { executor } = recorded({ backend: create()(), tasks: [failing] })
    const failed = await executor.enqueue(failing, undefined, {
      tags: { a: '1' },
      headers: { h: '1' },
      priority: 4,
      label: 'L',
    })
    await expect(failed.result()).rejects.toThrow()
    const retried = await executor.retry(failed.id)
    await expect(retried.result()).rejects.toThrow()
    expect(await failed.record()).toMatchObject({ status: 'failed', retriedBy: retried.id })
    expect(await retried.record()).toMatchObject({
      source: 'retry',
      retryOf: failed.id,
      attempt: 0,
      tags: { a: '1' },
      headers: { h: '1' },
      priority: 4,
      label: 'L',
    })
    await expect(executor.retry(failed.id)).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      taskId: retried.id,
    })
    expect((await executor.retry(failed.id, { force: true })).id).not.toBe(retried.id)
  })
})

describe('toJSON()', () => {
  it('hides input and result unless asked for, and is plain JSON', async () => {
    const { executor } = recorded({
      tasks: [defineTask({ name: 't', run: (secret: string) => `${secret}!` })],
    })
    const handle = await executor.enqueue('t', 'hush')
    await handle.result()
    const record = await handle.record()
    const json = JSON.parse(JSON.stringify(record)) as Record<string, unknown>
    expect(JSON.stringify(json)).not.toContain('hush')
    expect(json).toMatchObject({ id: handle.id, status: 'succeeded', logs: [] })
    expect(record?.toJSON({ input: true })).toMatchObject({ input: 'hush' })
    expect(record?.toJSON({ input: true })).not.toHaveProperty('result')
    expect(record?.toJSON({ result: true })).toMatchObject({ result: 'hush!' })
    expect(record?.input).toBe('hush')
  })
})
