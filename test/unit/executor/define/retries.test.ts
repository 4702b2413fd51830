import { describe, expect, it } from 'vitest'
import { defineTask, RetryAfterError, UnrecoverableError } from '../../../../src/index.ts'
import type { ExecutionOptions } from '../../../../src/task/options.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../../src/testing/wait-for.ts'
import { eventsOf, recorded } from '../../../support/recorded.ts'

const now: ExecutionOptions['backoff'] = { delay: 0 }
class Transient extends Error {}

function flaky(
  failures: number,
  options: ExecutionOptions = {},
  error: () => unknown = () => new Error('boom'),
) {
  let runs = 0
  return defineTask({
    ...options,
    name: 'flaky',
    run(_none: undefined, { attempt, maxAttempts }) {
      if (runs++ < failures) throw error()
      return { attempt, maxAttempts }
    },
  })
}

describe('retries', () => {
  it('default to none: the first failure is the end', async () => {
    const task = flaky(1)
    const { executor, events } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_FAILED', reason: 'error' })
    expect(
      eventsOf(events, handle.id).map(({ type, level, attempt, status }) => [
        type,
        level,
        attempt,
        status,
      ]),
    ).toEqual([
      ['task.enqueued', 'debug', 0, 'pending'],
      ['attempt.started', 'info', 0, 'running'],
      ['attempt.failed', 'debug', 0, 'failed'],
      ['task.failed', 'error', 0, 'failed'],
    ])
  })

  it('are extra attempts, counted from zero', async () => {
    const task = flaky(2, { retries: 2, backoff: now })
    const { executor, events } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toEqual({ attempt: 2, maxAttempts: 3 })
    expect(
      eventsOf(events, handle.id).map(({ type, level, attempt, retriesUsed, status }) => [
        type,
        level,
        attempt,
        retriesUsed,
        status,
      ]),
    ).toEqual([
      ['task.enqueued', 'debug', 0, 0, 'pending'],
      ['attempt.started', 'info', 0, 0, 'running'],
      ['attempt.failed', 'warning', 0, 0, 'retrying'],
      ['task.retrying', 'debug', 0, 0, 'retrying'],
      ['attempt.started', 'info', 1, 1, 'running'],
      ['attempt.failed', 'warning', 1, 1, 'retrying'],
      ['task.retrying', 'debug', 1, 1, 'retrying'],
      ['attempt.started', 'info', 2, 2, 'running'],
      ['task.succeeded', 'info', 2, 2, 'succeeded'],
    ])
    expect(await handle.record()).toMatchObject({
      attempt: 2,
      retriesUsed: 2,
      recoveries: 0,
      maxAttempts: 3,
      error: undefined,
    })
  })

  it('end with the last error when they are used up', async () => {
    let count = 0
    const task = flaky(9, { retries: 1, backoff: now }, () => new Error(`failure ${++count}`))
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({ cause: { message: 'failure 2' } })
    expect(await handle.record()).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { message: 'failure 2' },
    })
  })

  it('may be Infinity, which events say by leaving maxAttempts out', async () => {
    const task = flaky(20, { retries: Infinity, backoff: now })
    const { executor, only } = recorded({ tasks: [task] })
    expect(await (await executor.enqueue(task)).result()).toMatchObject({ attempt: 20 })
    expect(only('attempt.started').every((event) => event.maxAttempts === undefined)).toBe(true)
  })

  it('wait for the backoff, which the events and the record tell', async () => {
    const clock = manualClock()
    const task = flaky(3, {
      retries: 3,
      backoff: { delay: '10s', factor: 3, max: '1m', jitter: 'none' },
    })
    const { executor, only, types } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.settle()
    expect(await handle.record()).toMatchObject({ status: 'retrying', dueAt: clock.now() + 10_000 })
    await clock.advance(9_999)
    expect(only('attempt.started')).toHaveLength(1)
    await clock.advance(1)
    expect(only('attempt.started')).toHaveLength(2)
    await clock.advance(30_000)
    await clock.advance(60_000)
    expect(types(handle.id).at(-1)).toBe('task.succeeded')
    expect(only('task.retrying').map((event) => event.delayMs)).toEqual([10_000, 30_000, 60_000])
    expect(only('attempt.failed').map((event) => event.retryAt)).toEqual(
      only('task.retrying').map((event) => event.retryAt),
    )
    expect(only('attempt.started').map((event) => event.waitMs)).toEqual([0, 0, 0, 0])
  })

  it('draw their jitter from the random option', async () => {
    const clock = manualClock()
    const task = flaky(1, { retries: 1, backoff: { delay: '10s' } })
    const { executor, only } = recorded({ tasks: [task], clock, random: () => 0.25 })
    await executor.enqueue(task)
    await clock.settle()
    expect(only('task.retrying').map((event) => event.delayMs)).toEqual([2_500])
  })

  it('take a backoff function, told how many have failed', async () => {
    const clock = manualClock()
    const asked: unknown[] = []
    const task = flaky(2, {
      retries: 2,
      backoff(facts) {
        asked.push([facts.taskName, facts.attempt, facts.failures])
        return `${facts.failures}s`
      },
    })
    const { executor, only } = recorded({ tasks: [task], clock })
    await executor.enqueue(task)
    await clock.advance(5_000)
    expect(asked).toEqual([
      ['flaky', 0, 1],
      ['flaky', 1, 2],
    ])
    expect(only('task.retrying').map((event) => event.delayMs)).toEqual([1_000, 2_000])
  })

  it('obey RetryAfterError, which uses up a retry', async () => {
    const clock = manualClock()
    const task = flaky(9, { retries: 1 }, () => new RetryAfterError('42s', 'slow down'))
    const { executor, only } = recorded({ tasks: [task], clock })
    const handle = await executor.enqueue(task)
    await clock.advance(42_000)
    expect(only('task.retrying').map((event) => event.delayMs)).toEqual([42_000])
    expect(await handle.record()).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { message: 'slow down' },
    })
  })

  it.each<[string, ExecutionOptions, () => unknown, string]>([
    ['UnrecoverableError', {}, () => new UnrecoverableError('no use'), 'unrecoverable'],
    ['an error of abortOn', { abortOn: [Transient] }, () => new Transient('x'), 'unrecoverable'],
    ['an error not of retryOn', { retryOn: [Transient] }, () => new Error('x'), 'error'],
    ['an error that retryIf refuses', { retryIf: () => false }, () => new Error('x'), 'error'],
    [
      'a retryIf that throws',
      {
        retryIf: () => {
          throw new Error('bug')
        },
      },
      () => new Error('x'),
      'error',
    ],
  ])('are not used for %s', async (_what, options, error, reason) => {
    const task = flaky(9, { retries: 5, backoff: now, ...options }, error)
    const { executor, types } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await expect(handle.result()).rejects.toMatchObject({ reason })
    expect(types(handle.id)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.failed',
    ])
  })

  it('are used for an error of retryOn', async () => {
    const task = flaky(
      1,
      { retries: 1, backoff: now, retryOn: [Transient] },
      () => new Transient('x'),
    )
    const { executor } = recorded({ tasks: [task] })
    expect(await (await executor.enqueue(task)).result()).toMatchObject({ attempt: 1 })
  })
})

describe('whatever a body throws', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'boom'],
    [
      'an object with a getter that throws',
      {
        get message(): never {
          throw new Error('x')
        },
      },
    ],
    [
      'a Proxy whose traps throw',
      new Proxy(new Error('x'), {
        getPrototypeOf: () => {
          throw new Error('trap')
        },
        get: () => {
          throw new Error('trap')
        },
      }),
    ],
    ['a revoked Proxy', proxy],
  ])('ends the attempt as failed: %s', async (_what, thrown) => {
    const options: ExecutionOptions = {
      retries: 1,
      backoff: now,
      abortOn: [Transient],
      throws: [Transient],
    }
    const sync = flaky(9, options, () => thrown)
    const later = defineTask({ ...options, name: 'later', run: () => Promise.reject(thrown) })
    const { executor, types } = recorded({ tasks: [sync, later] })
    for (const task of [sync, later]) {
      const handle = await executor.enqueue(task)
      await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_FAILED' })
      expect(types(handle.id).slice(-3)).toEqual([
        'attempt.started',
        'attempt.failed',
        'task.failed',
      ])
    }
    expect(executor.stats()).toMatchObject({ running: 0, queued: 0 })
  })

  it('a class list whose instanceof throws costs the list, not the task', async () => {
    class Hostile extends Error {
      static override [Symbol.hasInstance](): boolean {
        throw new Error('no')
      }
    }
    const task = flaky(9, { retries: 1, backoff: now, throws: [Hostile], abortOn: [Hostile] })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await waitFor(async () => (await handle.record())?.status === 'failed')
  })
})
