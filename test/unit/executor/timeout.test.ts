import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defineTask } from '../../../src/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded } from '../../support/recorded.ts'

describe('timeout', () => {
  test('ends the attempt at the deadline, whatever its body does', async () => {
    const clock = manualClock()
    const end = gate<string>()
    let signal: AbortSignal | undefined
    const task = defineTask({
      name: 'slow',
      timeout: '2s',
      run(_input: unknown, context) {
        signal = context.signal
        return end.promise
      },
    })
    const { executor, only, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_999)
    expect((await handle.record())?.status).toBe('running')
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(signal?.reason).toMatchObject({
      code: 'TASK_TIMEOUT',
      reason: 'timeout',
      timeoutMs: 2_000,
    })
    expect(await handle.record()).toMatchObject({
      status: 'failed',
      reason: 'timeout',
      durationMs: 2_000,
      error: { name: 'TaskTimeoutError', code: 'TASK_TIMEOUT' },
    })
    await expect(handle.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      reason: 'timeout',
      cause: { code: 'TASK_TIMEOUT' },
    })
    expect(only('attempt.failed')[0]).toMatchObject({ reason: 'timeout', durationMs: 2_000 })
    expect(only('task.failed')[0]).toMatchObject({
      reason: 'timeout',
      durationMs: 2_000,
      totalMs: 2_000,
    })

    await clock.advance(700)
    end.open('late')
    await clock.settle()
    expect(types(handle.id).slice(4)).toEqual(['attempt.overrun', 'attempt.discarded'])
    expect(only('attempt.overrun')[0]).toMatchObject({
      overrunMs: 700,
      attempt: 0,
      status: 'failed',
    })
    expect(only('attempt.discarded')[0]).toMatchObject({ reason: 'late' })
    expect((await handle.record())?.status).toBe('failed')
  })

  test('is over when the body settles: its timer is gone', async () => {
    const clock = manualClock()
    const task = defineTask({ name: 'quick', timeout: '1h', softTimeout: '30m', run: () => 1 })
    const { executor } = recorded({ tasks: [task], clock })
    await executor.start()
    const before = clock.pendingTimers
    for (let round = 0; round < 50; round++) await (await executor.enqueue(task)).result()
    expect(clock.pendingTimers).toBe(before)
    await clock.advance(2 * 3_600_000)
    expect(await executor.counts()).toMatchObject({ succeeded: 50, failed: 0 })
  })

  test('a body that stops in the turn of its abort has not run on', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 'obedient',
      timeout: '1s',
      run: (_input: unknown, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(60_000)
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.failed',
    ])
    expect(executor.stats().running).toBe(0)
  })

  test('keeps the slot and the retry until the body has settled', async () => {
    const clock = manualClock()
    const ends = [gate(), gate()]
    const task = defineTask({
      name: 'stuck',
      timeout: '1s',
      retries: 1,
      backoff: { delay: '1s', jitter: 'none' },
      run: (_input: unknown, { attempt }) => ends[attempt]?.promise,
    })
    const other = defineTask({ name: 'other', run: () => 1 })
    const { executor, types, only } = recorded({ tasks: [task, other], clock, concurrency: 1 })
    const handle = await executor.enqueue(task)
    const behind = await executor.enqueue(other)
    await clock.advance(10_000)
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.retrying',
    ])
    expect(executor.stats()).toMatchObject({ running: 1, queued: 1 })
    expect((await behind.record())?.status).toBe('pending')

    ends[0]?.open()
    await clock.settle()
    expect(types(handle.id).slice(4)).toEqual([
      'attempt.overrun',
      'attempt.discarded',
      'attempt.started',
    ])
    expect(only('attempt.overrun')[0]).toMatchObject({
      attempt: 0,
      status: 'retrying',
      overrunMs: 9_000,
    })
    expect((await behind.record())?.status).toMatch(/pending|succeeded/)
    ends[1]?.open()
    await clock.settle()
    expect(await handle.record()).toMatchObject({ status: 'succeeded', attempt: 1 })
    expect((await behind.record())?.status).toBe('succeeded')
  })

  test('gives up waiting after abandonAfter: the slot is free, and late words are of the old attempt', async () => {
    const clock = manualClock()
    const ends = [gate(), gate()]
    const task = defineTask({
      name: 'stuck',
      timeout: '1s',
      abandonAfter: '5s',
      retries: 1,
      backoff: { delay: 10, jitter: 'none' },
      run: (_input: unknown, { attempt }) => ends[attempt]?.promise,
    })
    const { executor, only, types } = recorded({ tasks: [task], clock, concurrency: 1 })
    const handle = await executor.enqueue(task)
    await clock.advance(5_999)
    expect(only('attempt.started')).toHaveLength(1)
    await clock.advance(1)
    expect(only('attempt.overrun')).toMatchObject([{ attempt: 0, overrunMs: 5_000 }])
    expect(only('attempt.started')).toHaveLength(2)

    ends[0]?.open()
    await clock.settle()
    expect(only('attempt.discarded')).toMatchObject([
      { attempt: 0, retriesUsed: 0, status: 'running' },
    ])
    expect(only('attempt.overrun')).toHaveLength(1)
    ends[1]?.open()
    await clock.settle()
    expect(types(handle.id).at(-1)).toBe('task.succeeded')
    expect(executor.stats().running).toBe(0)
  })

  test('is retried like an error, and counted per attempt', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 'slow',
      timeout: '1s',
      retries: 2,
      backoff: { delay: 0, jitter: 'none' },
      run: (_input: unknown, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const { executor, only } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(5_000)
    expect(
      only('attempt.failed').map(({ attempt, reason, durationMs }) => [
        attempt,
        reason,
        durationMs,
      ]),
    ).toEqual([
      [0, 'timeout', 1_000],
      [1, 'timeout', 1_000],
      [2, 'timeout', 1_000],
    ])
    expect(await handle.record()).toMatchObject({ status: 'failed', reason: 'timeout' })
  })

  test('is not retried when retryIf refuses it', async () => {
    const clock = manualClock()
    const seen: unknown[] = []
    const task = defineTask({
      name: 'slow',
      timeout: '1s',
      retries: 5,
      retryIf(error) {
        seen.push(error)
        return false
      },
      run: () => new Promise(() => {}),
    })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    expect(await handle.record()).toMatchObject({ status: 'failed', reason: 'timeout' })
    expect(seen).toMatchObject([{ code: 'TASK_TIMEOUT', reason: 'timeout' }])
  })

  test('of a body that blocks the loop counts too', async () => {
    const task = defineTask({
      name: 'blocks',
      timeout: 20,
      async run() {
        await sleep(1)
        const until = performance.now() + 60
        while (performance.now() < until);
        return 'done'
      },
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await executor.drain()
    // Nobody can look at a clock while the loop is blocked; what counts is who is first after it.
    expect((await handle.record())?.status).toMatch(/succeeded|failed/)
  })
})

describe('softTimeout', () => {
  test('aborts the signal with its reason, and the body may still finish', async () => {
    const clock = manualClock()
    const end = gate<string>()
    let signal: AbortSignal | undefined
    const task = defineTask({
      name: 'polite',
      softTimeout: '1s',
      timeout: '3s',
      run(_input: unknown, context) {
        signal = context.signal
        return end.promise
      },
    })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    expect(signal?.reason).toMatchObject({
      code: 'TASK_TIMEOUT',
      reason: 'soft_timeout',
      timeoutMs: 1_000,
    })
    end.open('in time')
    expect(await handle.result()).toBe('in time')
  })

  test.each([
    ['the reason itself', (signal: AbortSignal) => signal.reason as Error, 'timeout'],
    [
      'an AbortError',
      (signal: AbortSignal) =>
        new DOMException('stop', { name: 'AbortError', cause: signal.reason }),
      'timeout',
    ],
    ['an error of its own', () => new Error('rolled back'), 'error'],
  ])('of a body that then rejects with %s fails with reason %s', async (_what, errorOf, reason) => {
    const clock = manualClock()
    const task = defineTask({
      name: 'polite',
      softTimeout: '1s',
      run: (_input: unknown, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(errorOf(signal)))
        }),
    })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    expect(await handle.record()).toMatchObject({ status: 'failed', reason })
  })

  test('then timeout: the attempt ends at the hard one, and the first reason stays on the signal', async () => {
    const clock = manualClock()
    let signal: AbortSignal | undefined
    const task = defineTask({
      name: 'deaf',
      softTimeout: '1s',
      timeout: '2s',
      run(_input: unknown, context) {
        signal = context.signal
        return new Promise(() => {})
      },
    })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(2_000)
    expect(signal?.reason).toMatchObject({ reason: 'soft_timeout' })
    expect(await handle.record()).toMatchObject({ status: 'failed', reason: 'timeout' })
  })

  test('above timeout is refused, on the merged options', async () => {
    const run = (): void => {}
    expect(() => defineTask({ name: 'x', softTimeout: '2s', timeout: '1s', run })).toThrow(
      /softTimeout/,
    )
    const task = defineTask({ name: 'x', softTimeout: '2s', run })
    const { executor } = recorded({ tasks: [task] })
    await expect(executor.enqueue(task, undefined, { timeout: '1s' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'softTimeout',
    })
    await expect(executor.enqueue(task, undefined, { timeout: '2s' })).resolves.toBeDefined()
  })
})
