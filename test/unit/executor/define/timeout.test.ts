import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { defineTask, TaskTimeoutError } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { eventsOf, gate, recorded } from '../../../support/recorded.ts'

describe('timeout', () => {
  it('ends the attempt at its deadline, and aborts the signal with the reason', async () => {
    const clock = manualClock()
    let reason: unknown
    const task = defineTask({
      name: 't',
      timeout: '30s',
      run: (_none: undefined, { signal }) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            reject(signal.reason)
          })
        }),
    })
    const { executor, types, only } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(29_999)
    expect(await handle.record()).toMatchObject({ status: 'running' })
    await clock.advance(1)
    expect(reason).toBeInstanceOf(TaskTimeoutError)
    expect(reason).toMatchObject({
      code: 'TASK_TIMEOUT',
      reason: 'timeout',
      timeoutMs: 30_000,
      taskName: 't',
    })
    expect(await handle.record()).toMatchObject({
      status: 'failed',
      reason: 'timeout',
      durationMs: 30_000,
    })
    expect(only('task.failed')[0]).toMatchObject({
      reason: 'timeout',
      error: { name: 'TaskTimeoutError', code: 'TASK_TIMEOUT' },
    })
    await expect(handle.result()).rejects.toMatchObject({ reason: 'timeout', cause: reason })
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.failed',
    ])
  })

  it('is per attempt, and retried like an error', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 't',
      timeout: '10s',
      retries: 1,
      backoff: { delay: '5s', jitter: 'none' },
      run: async (_none: undefined, { attempt, signal }) => {
        if (attempt === 0)
          await new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason)),
          )
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 9_000))
        return attempt
      },
    })
    const { executor, events } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(60_000)
    expect(await handle.result()).toBe(1)
    expect(
      eventsOf(events, handle.id).map((event) => [
        event.type,
        'reason' in event ? event.reason : undefined,
      ]),
    ).toEqual([
      ['task.enqueued', undefined],
      ['attempt.started', undefined],
      ['attempt.failed', 'timeout'],
      ['task.retrying', undefined],
      ['attempt.started', undefined],
      ['task.succeeded', undefined],
    ])
  })

  it('is not retried when retryIf refuses', async () => {
    const task = defineTask({
      name: 't',
      timeout: 5,
      retries: 3,
      retryIf: (error) => !(error instanceof TaskTimeoutError),
      run: (_none: undefined, { signal }) => sleep(60_000, undefined, { signal }),
    })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({ reason: 'timeout' })
    expect(await handle.record()).toMatchObject({ attempt: 0 })
  })

  it('a body that runs on keeps its slot, delays the retry, and is told of', async () => {
    const clock = manualClock()
    const first = gate()
    const task = defineTask({
      name: 't',
      timeout: '10s',
      retries: 1,
      backoff: { delay: 0 },
      run: async (_none: undefined, { attempt }) => {
        if (attempt === 0) await first.promise
        return attempt
      },
    })
    const other = defineTask({ name: 'other', run: () => 'other' })
    const { executor, types, only } = recorded({ tasks: [task, other], clock, concurrency: 1 })
    const handle = await executor.enqueue(task)
    const waiting = await executor.enqueue(other)
    await clock.advance(15_000)
    expect(await handle.record()).toMatchObject({ status: 'retrying', reason: 'timeout' })
    expect(executor.stats()).toMatchObject({ running: 1, queued: 1 })
    first.open()
    await clock.advance(1_000)
    expect(await handle.result()).toBe(1)
    expect(await waiting.result()).toBe('other')
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.retrying',
      'attempt.overrun',
      'attempt.discarded',
      'attempt.started',
      'task.succeeded',
    ])
    expect(only('attempt.overrun')[0]).toMatchObject({ overrunMs: 5_000, attempt: 0 })
  })

  it('a body that never settles is abandoned after abandonAfter: its slot is free, the retry goes on', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 't',
      timeout: '10s',
      abandonAfter: '20s',
      retries: 1,
      backoff: { delay: 0 },
      run: (_none: undefined, { attempt }) =>
        attempt === 0 ? new Promise<number>(() => {}) : attempt,
    })
    const { executor, types, only } = recorded({ tasks: [task], clock, concurrency: 1 })
    const handle = await executor.enqueue(task)
    await clock.advance(29_999)
    expect(executor.stats().running).toBe(1)
    expect(types(handle.id)).not.toContain('attempt.overrun')
    await clock.advance(1)
    await clock.settle()
    expect(await handle.result()).toBe(1)
    expect(executor.stats().running).toBe(0)
    expect(only('attempt.overrun').map((event) => event.overrunMs)).toEqual([20_000])
  })
})

describe('softTimeout', () => {
  it('asks the body to stop with reason soft_timeout; a body that still resolves has succeeded', async () => {
    const clock = manualClock()
    let reason: unknown
    const task = defineTask({
      name: 't',
      softTimeout: '5s',
      timeout: '10s',
      run: (_none: undefined, { signal }) =>
        new Promise<string>((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            resolve('half of it')
          })
        }),
    })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(5_000)
    expect(reason).toMatchObject({ code: 'TASK_TIMEOUT', reason: 'soft_timeout', timeoutMs: 5_000 })
    expect(await handle.result()).toBe('half of it')
    await clock.advance(10_000)
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
  })

  it('fails as a timeout when the body stops because of it, in its own words or the platform’s', async () => {
    const thrown = defineTask({
      name: 'thrown',
      softTimeout: 5,
      run: (_none: undefined, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        ),
    })
    const platform = defineTask({
      name: 'platform',
      softTimeout: 5,
      run: (_none: undefined, { signal }) => sleep(60_000, undefined, { signal }),
    })
    const { executor } = recorded({ tasks: [thrown, platform] })
    for (const task of [thrown, platform]) {
      await expect((await executor.enqueue(task)).result()).rejects.toMatchObject({
        reason: 'timeout',
      })
    }
  })

  it('is followed by the hard one when the body goes on', async () => {
    const clock = manualClock()
    const task = defineTask({
      name: 't',
      softTimeout: '5s',
      timeout: '10s',
      abandonAfter: 0,
      run: () => new Promise(() => {}),
    })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(9_999)
    expect(await handle.record()).toMatchObject({ status: 'running' })
    await clock.advance(1)
    expect(await handle.record()).toMatchObject({
      status: 'failed',
      reason: 'timeout',
      error: { message: 'task "t" timed out after 10000 ms' },
    })
  })
})
