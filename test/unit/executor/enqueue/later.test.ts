import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { eventsOf, gate, recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const DAY_MS = 86_400_000
const hello = defineTask({ name: 'hello', run: () => 'hello' })

describe('delay and runAt', () => {
  it('start the task at its time, not before', async () => {
    const clock = manualClock()
    const { executor, events } = recorded({ tasks: [hello], clock })
    const start = clock.now()
    const byDelay = await executor.enqueue(hello, undefined, { delay: '10s' })
    const byDate = await executor.enqueue(hello, undefined, { runAt: new Date(start + 20_000) })
    const byNumber = await executor.enqueue(hello, undefined, { runAt: start + 30_000 })
    expect(await byDelay.record()).toMatchObject({ status: 'scheduled', dueAt: start + 10_000 })
    await clock.advance(60_000)
    const list = [byDelay, byDate, byNumber].map(({ id }) =>
      eventsOf(events, id).map((event) => [event.type, event.time - start, event.status]),
    )
    expect(list).toEqual(
      [10_000, 20_000, 30_000].map((at) => [
        ['task.scheduled', 0, 'scheduled'],
        ['attempt.started', at, 'running'],
        ['task.succeeded', at, 'succeeded'],
      ]),
    )
    expect(await byDelay.record()).toMatchObject({
      waitMs: 0,
      createdAt: start,
      startedAt: start + 10_000,
      totalMs: 10_000,
    })
  })

  it('of 60 days is longer than a timer: it is accepted, starts nothing early, and makes no warning', async () => {
    const warnings: string[] = []
    const note = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', note)
    const { executor, types } = recorded({ tasks: [hello] })
    const handle = await executor.enqueue(hello, undefined, { delay: '60d' })
    const record = await handle.record()
    expect(record).toMatchObject({
      status: 'scheduled',
      dueAt: (record?.createdAt ?? 0) + 60 * DAY_MS,
    })
    await (await executor.enqueue(hello, undefined, { delay: 20 })).result()
    process.off('warning', note)
    expect(types(handle.id)).toEqual(['task.scheduled'])
    expect(warnings).toEqual([])
  })

  it('in the past runs at once', async () => {
    const { executor, types } = recorded({ tasks: [hello] })
    const handle = await executor.enqueue(hello, undefined, { runAt: new Date(0) })
    expect(await handle.result()).toBe('hello')
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
    expect(await (await executor.enqueue(hello, undefined, { delay: 0 })).result()).toBe('hello')
  })

  it.each<[string, object, string]>([
    ['both', { delay: '1s', runAt: 5 }, 'runAt'],
    ['a negative delay', { delay: -1 }, 'delay'],
    ['an unknown unit', { delay: '1w' }, 'delay'],
    ['a delay past the last date', { delay: Number.MAX_SAFE_INTEGER }, 'delay'],
    ['an invalid date', { runAt: new Date(Number.NaN) }, 'runAt'],
    ['a date as text', { runAt: '2026-01-01' }, 'runAt'],
    ['Infinity', { runAt: Infinity }, 'runAt'],
    ['null', { runAt: null }, 'runAt'],
  ])('refuse %s, and nothing is stored', async (_what, options, option) => {
    const { executor } = recorded({ tasks: [hello] })
    await expect(executor.enqueue(hello, undefined, options)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option,
    })
    expect((await executor.list()).records).toEqual([])
  })

  it.each(stores.filter(({ name }) => name !== 'memory'))(
    'survive a restart on $name',
    async ({ create }) => {
      const open = create()
      const clock = manualClock()
      const before = createExecutor({ backend: open(), tasks: [hello], clock, observers: [] })
      const { id } = await before.enqueue(hello, undefined, { delay: '10s' })
      const closed = before.close()
      await clock.advance(3_000)
      await closed
      const { executor: after, types } = joined({ backend: open(), tasks: [hello], clock })
      await after.start()
      expect(await after.get(id)).toMatchObject({ status: 'scheduled' })
      expect(types(id)).toEqual([])
      await clock.advance(10_000)
      expect(types(id)).toEqual(['attempt.started', 'task.succeeded'])
    },
  )
})

describe('expires', () => {
  it('ends what waits for a slot as expired, and it never runs', async () => {
    const clock = manualClock()
    const work = gate()
    const ran: string[] = []
    const slow = defineTask({ name: 'slow', run: () => work.promise })
    const quick = defineTask({ name: 'quick', expires: '5s', run: () => void ran.push('quick') })
    const { executor, events } = recorded({ tasks: [slow, quick], clock, concurrency: 1 })
    const start = clock.now()
    await executor.enqueue(slow)
    const handle = await executor.enqueue(quick)
    expect(await handle.record()).toMatchObject({ expiresAt: start + 5_000 })
    await clock.advance(6_000)
    work.open()
    await clock.advance(1_000)
    expect(ran).toEqual([])
    expect(
      eventsOf(events, handle.id).map(({ type, level, time, status }) => [
        type,
        level,
        time - start,
        status,
      ]),
    ).toEqual([
      ['task.enqueued', 'debug', 0, 'pending'],
      ['task.expired', 'warning', 5_000, 'expired'],
    ])
    await expect(handle.result()).rejects.toMatchObject({
      code: 'TASK_EXPIRED',
      expiredAt: start + 5_000,
    })
    await handle.started
  })

  it('in the past never starts, although a slot is free', async () => {
    const ran: string[] = []
    const task = defineTask({ name: 't', run: () => void ran.push('t') })
    const { executor, types } = recorded({ tasks: [task] })
    for (const expires of [0, new Date(0), new Date()]) {
      const handle = await executor.enqueue(task, undefined, { expires })
      await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_EXPIRED' })
      expect(types(handle.id)).toEqual(['task.enqueued', 'task.expired'])
    }
    expect(ran).toEqual([])
  })

  it('before the due time ends a scheduled task, and while paused too', async () => {
    const clock = manualClock()
    const { executor, types } = recorded({ tasks: [hello], clock })
    await executor.start()
    executor.pause()
    const scheduled = await executor.enqueue(hello, undefined, { delay: '1h', expires: '1m' })
    const waiting = await executor.enqueue(hello, undefined, {
      expires: new Date(clock.now() + 60_000),
    })
    await clock.advance(60_000)
    expect(types(scheduled.id)).toEqual(['task.scheduled', 'task.expired'])
    expect(types(waiting.id)).toEqual(['task.enqueued', 'task.expired'])
  })

  it('leaves a running attempt alone, and forbids the retry', async () => {
    const clock = manualClock()
    let runs = 0
    const task = defineTask({
      name: 't',
      expires: '5s',
      retries: 3,
      backoff: { delay: '10s', jitter: 'none' },
      run: async () => {
        runs += 1
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 6_000))
        throw new Error('boom')
      },
    })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(60_000)
    expect(runs).toBe(1)
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.retrying',
      'task.expired',
    ])
  })

  it('given per call wins over the definition’s, and null clears it', async () => {
    const clock = manualClock()
    const task = defineTask({ name: 't', expires: '5s', run: () => 1 })
    const { executor } = recorded({ tasks: [task], clock })
    const expiresAt = async (options: object): Promise<number | undefined> =>
      (await (await executor.enqueue(task, undefined, options)).record())?.expiresAt
    const now = clock.now()
    expect(await expiresAt({})).toBe(now + 5_000)
    expect(await expiresAt({ expires: '9s' })).toBe(now + 9_000)
    expect(await expiresAt({ expires: new Date(now + 7) })).toBe(now + 7)
    expect(await expiresAt({ expires: null })).toBeUndefined()
  })
})
