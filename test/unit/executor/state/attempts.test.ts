import { describe, expect, it } from 'vitest'
import { defineTask, TaskTimeoutError } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { joined, stores } from '../../../support/stores.ts'

describe.each(stores)('the history of attempts, on $name', ({ create }) => {
  it('says of each attempt when it ran, where, and how it ended', async () => {
    const clock = manualClock()
    const start = clock.now()
    const flaky = defineTask({
      name: 'flaky',
      retries: 3,
      timeout: '1s',
      backoff: { delay: '5s', factor: 1, jitter: 'none' },
      run: async (_input: undefined, { attempt, signal }) => {
        if (attempt === 0) throw new TypeError('first', { cause: new Error('deeper') })
        if (attempt === 1) await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return 'done'
      },
    })
    const { executor, types } = joined({ backend: create()(), tasks: [flaky], clock, id: 'w1' })
    const handle = await executor.enqueue(flaky)
    while (!types(handle.id).includes('task.succeeded')) await clock.advance(500)
    const record = await handle.record()
    expect(record?.attempts).toMatchObject([
      {
        attempt: 0,
        outcome: 'failed',
        reason: 'error',
        error: { name: 'TypeError', message: 'first', cause: { message: 'deeper' } },
        worker: 'w1',
      },
      {
        attempt: 1,
        outcome: 'failed',
        reason: 'timeout',
        error: { name: TaskTimeoutError.name },
        worker: 'w1',
      },
      { attempt: 2, outcome: 'succeeded', error: undefined, reason: undefined, worker: 'w1' },
    ])
    const [first, second, third] = record?.attempts ?? []
    expect(first?.startedAt).toBeGreaterThanOrEqual(start)
    expect(first?.endedAt).toBeGreaterThanOrEqual(first?.startedAt ?? Infinity)
    expect(second?.startedAt).toBeGreaterThanOrEqual((first?.endedAt ?? Infinity) + 5_000)
    expect(second?.durationMs).toBeGreaterThanOrEqual(1_000)
    expect(third?.endedAt).toBe(record?.endedAt)
  })

  it('is empty before the first, and shows the one that runs', async () => {
    const waiting = defineTask({
      name: 'waiting',
      run: (_input: undefined, { signal }) =>
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
    })
    const { executor } = joined({ backend: create()(), tasks: [waiting], id: 'w2' })
    const later = await executor.enqueue(waiting, undefined, { delay: '1h' })
    expect((await later.record())?.attempts).toEqual([])
    const handle = await executor.enqueue(waiting)
    await handle.started
    expect((await handle.record())?.attempts).toMatchObject([
      { attempt: 0, outcome: 'running', worker: 'w2', endedAt: undefined, durationMs: undefined },
    ])
  })

  it('keeps the last attempts when there are very many', async () => {
    const stubborn = defineTask({
      name: 'stubborn',
      retries: 40,
      backoff: { delay: 0 },
      run: async () => {
        throw new Error('again')
      },
    })
    const { executor } = joined({ backend: create()(), tasks: [stubborn] })
    const handle = await executor.enqueue(stubborn)
    await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_FAILED' })
    const attempts = (await handle.record())?.attempts ?? []
    expect(attempts.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: 26 }, (_each, index) => index + 15),
    )
  })
})
