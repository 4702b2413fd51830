import { describe, expect, test } from 'vitest'
import { defineTask } from '../../../src/index.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded } from '../../support/recorded.ts'

const START = Date.UTC(2026, 0, 1)

describe('expires', () => {
  test('ends a task that has not started in time, at that time', async () => {
    const clock = manualClock(START)
    const end = gate()
    let runs = 0
    const hold = defineTask({ name: 'hold', run: () => end.promise })
    const task = defineTask({ name: 'late', expires: '10s', run: () => void (runs += 1) })
    const { executor, types, only } = recorded({ tasks: [hold, task], clock, concurrency: 1 })
    await executor.enqueue(hold)
    const handle = await executor.enqueue(task)
    await clock.advance(9_999)
    expect((await handle.record())?.status).toBe('pending')
    await clock.advance(1)
    expect(await handle.record()).toMatchObject({ status: 'expired', startedAt: undefined })
    expect(types(handle.id)).toEqual(['task.enqueued', 'task.expired'])
    expect(only('task.expired')[0]).toMatchObject({
      expiredAt: START + 10_000,
      time: START + 10_000,
    })
    await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_EXPIRED' })
    end.open()
    await clock.settle()
    expect(runs).toBe(0)
  })

  test('is no matter to a task that started in time', async () => {
    const clock = manualClock(START)
    const end = gate<number>()
    const task = defineTask({ name: 'long', run: () => end.promise })
    const { executor } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, undefined, { expires: '1s' })
    await clock.advance(60_000)
    expect((await handle.record())?.status).toBe('running')
    end.open(7)
    expect(await handle.result()).toBe(7)
  })

  test.each([
    ['a duration that is over', 0],
    ['an instant in the past', new Date(START - 1)],
  ])('given as %s, the task never starts', async (_what, expires) => {
    const clock = manualClock(START)
    let runs = 0
    const task = defineTask({ name: 'late', run: () => void (runs += 1) })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, undefined, { expires })
    await clock.settle()
    expect(types(handle.id)).toEqual(['task.enqueued', 'task.expired'])
    expect(runs).toBe(0)
  })

  test('of a scheduled task is looked at before its time comes', async () => {
    const clock = manualClock(START)
    const task = defineTask({ name: 'later', run: () => {} })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, undefined, { delay: '1h', expires: '1m' })
    await clock.advance(60_000)
    expect(types(handle.id)).toEqual(['task.scheduled', 'task.expired'])
  })

  test('counts retries as starts, also for a task that started at once', async () => {
    const clock = manualClock(START)
    const task = defineTask({
      name: 'fails',
      retries: 9,
      backoff: { delay: '1h', jitter: 'none' },
      run: () => Promise.reject(new Error('no')),
    })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, undefined, { expires: '1m' })
    await clock.advance(59_999)
    expect((await handle.record())?.status).toBe('retrying')
    await clock.advance(1)
    expect((await handle.record())?.status).toBe('expired')
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.retrying',
      'task.expired',
    ])
    expect(executor.stats()).toMatchObject({ running: 0, queued: 0, waiting: 0 })
  })

  test('that passes during an attempt ends the task instead of its retry', async () => {
    const clock = manualClock(START)
    const end = gate()
    const task = defineTask({
      name: 'fails',
      retries: 9,
      backoff: { delay: '1h', jitter: 'none' },
      run: () => end.promise,
    })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, undefined, { expires: '1m' })
    await clock.advance(61_000)
    end.fail(new Error('no'))
    await clock.settle()
    expect(types(handle.id).slice(2)).toEqual(['attempt.failed', 'task.retrying', 'task.expired'])
  })

  test('applies while paused', async () => {
    const clock = manualClock(START)
    const task = defineTask({ name: 'waits', run: () => {} })
    const { executor, types } = recorded({ tasks: [task], clock })
    await executor.start()
    executor.pause()
    const handle = await executor.enqueue(task, undefined, { expires: '1s' })
    await clock.advance(1_000)
    expect(types(handle.id)).toEqual(['task.enqueued', 'task.expired'])
  })
})
