import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { defineTask } from '../../../src/index.ts'
import { TaskCancelledError } from '../../../src/task/errors.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { gate, recorded } from '../../support/recorded.ts'

function body() {
  const begun = gate<AbortSignal>()
  const end = gate<string>()
  let runs = 0
  const task = defineTask({
    name: 'body',
    run(_input: unknown, { signal }) {
      runs += 1
      begun.open(signal)
      return end.promise
    },
  })
  return { task, begun, end, runs: () => runs }
}

describe('cancelling a task that waits', () => {
  test('for a slot: it never runs', async () => {
    const { task, begun, end, runs } = body()
    const { executor, types } = recorded({ tasks: [task], concurrency: 1 })
    await executor.enqueue(task, 1)
    await begun.promise
    const waiting = await executor.enqueue(task, 2)

    expect(await waiting.cancel({ reason: 'changed my mind', by: 'me' })).toBe(true)
    expect(await waiting.record()).toMatchObject({
      status: 'cancelled',
      attempt: 0,
      startedAt: undefined,
    })
    await expect(waiting.result()).rejects.toBeInstanceOf(TaskCancelledError)
    expect(types(waiting.id)).toEqual(['task.enqueued', 'task.cancelled'])
    expect(executor.stats().queued).toBe(0)

    end.open('done')
    await executor.drain()
    expect(runs()).toBe(1)
  })

  test('for its time: it never runs, and the timer is gone', async () => {
    const clock = manualClock()
    const { task, runs } = body()
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, 1, { delay: '1h' })
    expect(executor.stats().waiting).toBe(1)
    expect(await executor.cancel(handle.id)).toBe(true)
    expect(executor.stats().waiting).toBe(0)
    await clock.advance(2 * 3_600_000)
    expect(runs()).toBe(0)
    expect(types(handle.id)).toEqual(['task.scheduled', 'task.cancelled'])
  })

  test('for a retry: it ends, with the attempts it had', async () => {
    const clock = manualClock()
    const fail = defineTask({
      name: 'fail',
      retries: 5,
      run: () => Promise.reject(new Error('no')),
    })
    const { executor, types } = recorded({ tasks: [fail], clock })
    const handle = await executor.enqueue(fail)
    await clock.settle()
    expect((await handle.record())?.status).toBe('retrying')
    expect(await handle.cancel({ reason: 'enough' })).toBe(true)
    await clock.advance(3_600_000)
    expect(await handle.record()).toMatchObject({ status: 'cancelled', attempt: 0 })
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.retrying',
      'task.cancelled',
    ])
  })

  test('while paused', async () => {
    const { task, runs } = body()
    const { executor } = recorded({ tasks: [task] })
    await executor.start()
    executor.pause()
    const handle = await executor.enqueue(task, 1)
    expect(await handle.cancel()).toBe(true)
    executor.resume()
    await executor.drain()
    expect(runs()).toBe(0)
  })

  test('at a limit of its own', async () => {
    const end = gate()
    const task = defineTask({ name: 'limited', concurrency: 1, run: () => end.promise })
    const { executor, only } = recorded({ tasks: [task], concurrency: 5 })
    await executor.enqueue(task)
    const second = await executor.enqueue(task)
    const third = await executor.enqueue(task)
    await waitFor(() => only('attempt.started').length === 1)
    expect(await second.cancel()).toBe(true)
    end.open()
    await third.result()
    expect(only('attempt.started')).toHaveLength(2)
    expect((await second.record())?.status).toBe('cancelled')
  })
})

describe('cancelling a task that runs', () => {
  test('aborts its signal with the reason; a body that still resolves has succeeded', async () => {
    const { task, begun, end } = body()
    const { executor, only, types } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, 1)
    const signal = await begun.promise
    expect(await handle.cancel({ reason: 'too slow', by: 'ops' })).toBe(true)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({
      code: 'TASK_CANCELLED',
      reason: 'cancel',
      cancelReason: 'too slow',
      taskId: handle.id,
    })
    end.open('finished anyway')
    expect(await handle.result()).toBe('finished anyway')
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.cancel_requested',
      'task.succeeded',
    ])
    expect(only('task.cancel_requested')[0]).toMatchObject({
      reason: 'too slow',
      by: 'ops',
      status: 'running',
    })
    expect(await handle.cancel()).toBe(false)
  })

  test.each([
    ['the reason', (signal: AbortSignal) => signal.reason as unknown],
    ['another error', () => new Error('cleaned up')],
    ['null', () => null],
  ])('is cancelled when its body rejects with %s', async (_what, errorOf) => {
    const { task, begun, end } = body()
    const { executor, only, types } = recorded({ tasks: [task], defaults: { retries: 3 } })
    const handle = await executor.enqueue(task, 1)
    const signal = await begun.promise
    await handle.cancel({ reason: 'r', by: 'b' })
    end.fail(errorOf(signal))
    await expect(handle.result()).rejects.toMatchObject({
      code: 'TASK_CANCELLED',
      cancelReason: 'r',
    })
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.cancel_requested',
      'task.cancelled',
    ])
    expect(only('task.cancelled')[0]).toMatchObject({ reason: 'r', by: 'b', status: 'cancelled' })
    expect(await handle.record()).toMatchObject({ status: 'cancelled', reason: 'r' })
    expect(await handle.cancel()).toBe(true)
  })

  test('is cancelled after 5 s when its body goes on, which keeps its slot and is told on', async () => {
    const clock = manualClock()
    const { task, begun, end } = body()
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task, 1)
    await clock.settle()
    await begun.promise
    await handle.cancel()
    await clock.advance(4_999)
    expect((await handle.record())?.status).toBe('running')
    await clock.advance(1)
    expect((await handle.record())?.status).toBe('cancelled')
    await expect(handle.result()).rejects.toBeInstanceOf(TaskCancelledError)
    expect(executor.stats().running).toBe(1)

    end.open('late')
    await clock.settle()
    expect(executor.stats().running).toBe(0)
    expect((await handle.record())?.status).toBe('cancelled')
    expect(types(handle.id).slice(3)).toEqual([
      'task.cancelled',
      'attempt.overrun',
      'attempt.discarded',
    ])
  })

  test('is cancelled, not failed or retried, when its timeout comes during the 5 s', async () => {
    const clock = manualClock()
    const { task, begun } = body()
    const { executor, types } = recorded({
      tasks: [task],
      clock,
      defaults: { retries: 1, timeout: '2s' },
    })
    const handle = await executor.enqueue(task, 1)
    await clock.settle()
    await begun.promise
    await clock.advance(1_000)
    await handle.cancel({ reason: 'stop' })
    await clock.advance(10_000)
    expect(types(handle.id).slice(0, 4)).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.cancel_requested',
      'task.cancelled',
    ])
    expect(await handle.record()).toMatchObject({ status: 'cancelled', reason: 'stop' })
  })

  test('twice keeps the first reason and asks once', async () => {
    const { task, begun, end } = body()
    const { executor, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task, 1)
    const signal = await begun.promise
    expect(await handle.cancel({ reason: 'first' })).toBe(true)
    expect(await handle.cancel({ reason: 'second' })).toBe(true)
    expect(signal.reason).toMatchObject({ cancelReason: 'first' })
    end.fail(signal.reason)
    await expect(handle.result()).rejects.toMatchObject({ cancelReason: 'first' })
    expect(only('task.cancel_requested')).toHaveLength(1)
    expect(only('task.cancelled')).toHaveLength(1)
  })

  test('in the turn of its start, it does not begin its body', async () => {
    const { task, runs } = body()
    const { executor, types } = recorded({ tasks: [task] })
    await executor.start()
    const off = executor.events.on('task.enqueued', ({ taskId }) => void executor.cancel(taskId))
    const handle = await executor.enqueue(task, 1)
    off()
    await expect(handle.result()).rejects.toBeInstanceOf(TaskCancelledError)
    expect(runs()).toBe(0)
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'task.cancel_requested',
      'attempt.started',
      'task.cancelled',
    ])
  })

  test('while an earlier attempt runs on past its timeout, it ends at once', async () => {
    const clock = manualClock()
    const end = gate<string>()
    const task = defineTask({ name: 'stuck', retries: 3, timeout: '1s', run: () => end.promise })
    const { executor, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    expect((await handle.record())?.status).toBe('retrying')
    expect(await handle.cancel()).toBe(true)
    await clock.settle()
    expect((await handle.record())?.status).toBe('cancelled')
    expect(executor.stats().running).toBe(1)
    end.open('late')
    await clock.settle()
    expect(executor.stats().running).toBe(0)
    await clock.advance(60_000)
    expect(types(handle.id).filter((type) => type === 'attempt.started')).toHaveLength(1)
  })
})

describe('cancelling', () => {
  test('answers false for a task that has ended otherwise, and for an id that does not exist', async () => {
    const ok = defineTask({ name: 'ok', run: () => 1 })
    const { executor, types } = recorded({ tasks: [ok] })
    const handle = await executor.enqueue(ok)
    await handle.result()
    expect(await handle.cancel()).toBe(false)
    expect(await executor.cancel('nobody')).toBe(false)
    expect(types(handle.id)).toEqual(['task.enqueued', 'attempt.started', 'task.succeeded'])
  })

  test.each([{ reason: 5 }, { reason: 'x'.repeat(1_001) }, { by: null }, 'because'])(
    'refuses the options %j',
    async (options) => {
      const { executor } = recorded()
      await expect(executor.cancel('id', options as object)).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
      })
    },
  )

  test('at random moments always ends in one of the two ways, once', async () => {
    const task = defineTask({
      name: 'mixed',
      retries: 1,
      backoff: { delay: 1, jitter: 'none' },
      async run(input: number, { signal, attempt }) {
        if (input % 3 === 0 && attempt === 0) throw new Error('again')
        if (input % 2 === 0) await sleep(2, undefined, { signal })
        else await sleep(1)
        return input
      },
    })
    const { executor, only } = recorded({ tasks: [task], concurrency: 8 }, { complete: true })
    const handles = await executor.enqueueMany(
      Array.from({ length: 200 }, (_, input) => ({ task, input })),
    )
    // From the back: those still wait, while those in front run, wait for their retry, or have ended.
    for (const handle of handles.toReversed()) {
      await sleep(0)
      await handle.cancel({ reason: 'random' })
    }
    await executor.drain()
    const { succeeded, cancelled } = await executor.counts()
    expect(succeeded + cancelled).toBe(200)
    expect(only('task.succeeded')).toHaveLength(succeeded)
    expect(only('task.cancelled')).toHaveLength(cancelled)
    expect(cancelled).toBeGreaterThan(0)
  })
})
