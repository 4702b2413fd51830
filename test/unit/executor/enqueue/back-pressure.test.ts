import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { defineTask, memoryBackend } from '../../../../src/index.ts'
import { gate, recorded } from '../../../support/recorded.ts'
import { stores } from '../../../support/stores.ts'

const settledCodes = async (work: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(work)).map((each) =>
    each.status === 'fulfilled' ? 'ok' : (each.reason as { code?: unknown }).code,
  )

describe.each(stores)('maxQueued, on $name', ({ create }) => {
  it('refuses what would wait beyond it, with the limit, and nothing is stored', async () => {
    const work = gate()
    const task = defineTask({ name: 't', queue: 'mail', run: () => work.promise })
    const { executor } = recorded({
      backend: create()(),
      tasks: [task],
      concurrency: 1,
      maxQueued: 2,
    })
    const handles = [
      await executor.enqueue(task),
      await executor.enqueue(task),
      await executor.enqueue(task),
    ]
    await expect(executor.enqueue(task)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      limit: 2,
      queue: 'mail',
    })
    await expect(executor.enqueueMany([{ task }, { task }, { task }])).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    })
    expect((await executor.list()).records).toHaveLength(3)
    work.open()
    await Promise.all(handles.map((handle) => handle.result()))
    await executor.enqueue(task)
  })

  it.each<[string, (n: number) => object | undefined]>([
    ['plain calls', () => undefined],
    ['calls with a key', (n) => ({ idempotencyKey: `k${n}` })],
  ])('holds for a hundred %s at once', async (_what, options) => {
    const work = gate()
    const task = defineTask({ name: 't', run: () => work.promise })
    const { executor } = recorded({
      backend: create()(),
      tasks: [task],
      concurrency: 1,
      maxQueued: 5,
    })
    await executor.start()
    const blocker = await executor.enqueue(task)
    const codes = await settledCodes(
      Array.from({ length: 100 }, (_none, n) => executor.enqueue(task, undefined, options(n))),
    )
    expect(codes.filter((code) => code === 'ok')).toHaveLength(5)
    expect(codes.filter((code) => code === 'QUEUE_FULL')).toHaveLength(95)
    work.open()
    await blocker.result()
    await executor.drain()
  })

  it('lets callers wait for room, and never lets in more than there is', async () => {
    const gates = Array.from({ length: 12 }, () => gate())
    const task = defineTask({ name: 't', run: (n: number) => gates[n]?.promise })
    const { executor } = recorded({
      backend: create()(),
      tasks: [task],
      concurrency: 1,
      maxQueued: 2,
    })
    await executor.start()
    let most = 0
    const enqueued: Promise<unknown>[] = []
    for (let n = 0; n < 12; n++) {
      enqueued.push(
        executor.enqueue(task, n, { onFull: 'wait' }).then((handle) => {
          most = Math.max(most, executor.stats().queued)
          return handle.result()
        }),
      )
    }
    for (const each of gates) each.open()
    await Promise.all(enqueued)
    expect(most).toBeLessThanOrEqual(2)
  })
})

describe('onFull: wait', () => {
  const work = gate()
  const task = defineTask({ name: 't', run: (n: number) => (n === 0 ? undefined : work.promise) })

  it('goes on when a waiting task starts, not only when one ends', async () => {
    const first = gate()
    const second = gate()
    const slow = defineTask({
      name: 'slow',
      run: (n: number) => (n === 1 ? first.promise : second.promise),
    })
    const { executor } = recorded({ tasks: [slow], concurrency: 1, maxQueued: 1 })
    await executor.enqueue(slow, 1)
    await executor.enqueue(slow, 2)
    const third = executor.enqueue(slow, 3, { onFull: 'wait' })
    first.open()
    // The second runs on for ever as far as the third can tell.
    await third
    second.open()
    await executor.drain()
  })

  it('ends with the reason of its signal, and leaves no listener', async () => {
    const { executor } = recorded({ tasks: [task], concurrency: 1, maxQueued: 1 })
    await executor.enqueue(task, 1)
    await executor.enqueue(task, 1)
    const controller = new AbortController()
    const { signal } = controller
    const waiting = executor.enqueue(task, 1, { onFull: 'wait', signal })
    await executor.get('x')
    controller.abort(new Error('too long'))
    await expect(waiting).rejects.toThrow('too long')
    await expect(executor.enqueue(task, 1, { onFull: 'wait', signal })).rejects.toThrow('too long')
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect((await executor.list()).records).toHaveLength(2)
  })

  it('is refused at close, and for a batch that can never fit', async () => {
    const { executor } = recorded({ tasks: [task], concurrency: 1, maxQueued: 1 })
    await executor.enqueue(task, 1)
    await executor.enqueue(task, 1)
    const options = { onFull: 'wait' } as const
    await expect(
      executor.enqueueMany([
        { task, input: 0, options },
        { task, input: 0 },
      ]),
    ).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    const waiting = settledCodes([executor.enqueue(task, 0, options)])
    await executor.close({ grace: 0 })
    expect(await waiting).toEqual(['EXECUTOR_CLOSED'])
  })

  it.each<[string, object]>([
    ['onFull', { onFull: 'block' }],
    ['signal', { onFull: 'wait', signal: {} }],
  ])('refuses a wrong %s although there is room', async (option, options) => {
    const { executor } = recorded({ tasks: [task] })
    await expect(executor.enqueue(task, 0, options)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option,
    })
  })
})

describe('the memory backend', () => {
  it('is bounded by itself', async () => {
    const work = gate()
    const task = defineTask({ name: 't', run: () => work.promise })
    const { executor } = recorded({
      backend: memoryBackend({ maxQueued: 1 }),
      tasks: [task],
      concurrency: 1,
    })
    await executor.enqueue(task)
    await executor.enqueue(task)
    await expect(executor.enqueue(task)).rejects.toMatchObject({ code: 'QUEUE_FULL', limit: 1 })
    work.open()
  })
})
