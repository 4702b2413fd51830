import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { defineTask, UnrecoverableError } from '../../../../src/index.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { eventsOf, gate, recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const add = defineTask({ name: 'add', run: ({ a, b }: { a: number; b: number }) => a + b })

describe.each(stores)('enqueue, on $name', ({ create }) => {
  it('resolves with a handle whose record is in the store', async () => {
    const open = create()
    const { executor, events } = recorded({ backend: open(), tasks: [add] })
    const handle = await executor.enqueue(add, { a: 1, b: 2 })
    expect(await executor.get(handle.id)).toMatchObject({
      id: handle.id,
      name: 'add',
      input: { a: 1, b: 2 },
    })
    expect(handle).toMatchObject({ taskName: 'add', deduplicated: false })
    expect(await handle.result()).toBe(3)
    expect(eventsOf(events, handle.id).map(({ type, status, seq }) => [seq, type, status])).toEqual(
      [
        [2, 'task.enqueued', 'pending'],
        [3, 'attempt.started', 'running'],
        // Between them: the summary of the attempt.
        [5, 'task.succeeded', 'succeeded'],
      ],
    )
  })

  it('gives the result here, again, and to another executor', async () => {
    const open = create()
    const { executor } = joined({ backend: open(), tasks: [add] })
    const handle = await executor.enqueue(add, { a: 1, b: 2 }, { id: 'sum' })
    expect([await handle.result(), await handle.result()]).toEqual([3, 3])
    const { executor: web } = joined({ backend: open(), work: false })
    const known = await web.enqueue('add', { a: 5, b: 5 }, { idempotencyKey: 'k' })
    expect(await known.result({ timeout: '4s' })).toBe(10)
    expect(known.started).toBeInstanceOf(Promise)
    await known.started
    expect((await web.get('sum'))?.result).toBe(3)
  })

  it('takes the input as it is at the call: changing it afterwards changes nothing', async () => {
    const open = create()
    const { executor } = recorded({ backend: open(), tasks: [add] })
    for (const when of ['before the start', 'while it is open']) {
      const input = { a: 1, b: 2 }
      const enqueued = executor.enqueue(add, input)
      input.a = 100
      expect([when, await (await enqueued).result()]).toEqual([when, 3])
    }
  })
})

describe('a handle', () => {
  it('started settles when the first attempt begins, and also when the task ends without one', async () => {
    const work = gate()
    const task = defineTask({ name: 't', run: () => work.promise })
    const { executor } = recorded({ tasks: [task], concurrency: 1 })
    const first = await executor.enqueue(task)
    await first.started
    const second = await executor.enqueue(task)
    let hasStarted = false
    const started = second.started.then(() => (hasStarted = true))
    await executor.get(second.id)
    expect(hasStarted).toBe(false)
    await second.cancel()
    await started
    work.open()
    await first.result()
    await first.started
  })

  it('works in routes, scripts and tasks alike, whoever holds it', async () => {
    const outer = defineTask({
      name: 'outer',
      run: async (_none: undefined, { enqueue }) => {
        const handle = await enqueue(add, { a: 2, b: 2 })
        return { sum: await handle.result(), status: (await handle.record())?.status }
      },
    })
    const { executor } = recorded({ tasks: [add, outer] })
    expect(await (await executor.enqueue(outer)).result()).toEqual({ sum: 4, status: 'succeeded' })
  })

  it('result() ends with the reason of its signal or after its timeout, and leaves nothing behind', async () => {
    const work = gate()
    const task = defineTask({ name: 't', run: () => work.promise })
    const { executor } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    const controller = new AbortController()
    const aborted = handle.result({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(handle.result({ signal: controller.signal })).rejects.toThrow('enough')
    await expect(handle.result({ timeout: 5 })).rejects.toMatchObject({
      code: 'RESULT_UNAVAILABLE',
      taskId: handle.id,
    })
    await expect(handle.result({ timeout: -1 })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'timeout',
    })
    const { signal } = new AbortController()
    const waits = [handle.result({ signal }), handle.result({ signal, timeout: '1m' })]
    work.open()
    await Promise.all(waits)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('result() of a task elsewhere stops asking the store once nobody waits', async () => {
    const clock = manualClock()
    const { executor } = recorded({ work: false, clock })
    const handle = await executor.enqueue('elsewhere', 1)
    await clock.settle()
    const idle = clock.pendingTimers
    const wait = handle.result({ timeout: '3s' }).catch((error: unknown) => error)
    await clock.advance(3_000)
    expect(await wait).toMatchObject({ code: 'RESULT_UNAVAILABLE' })
    await clock.advance(2_000)
    expect(clock.pendingTimers).toBe(idle)
  })

  it('result() rejects by the end: failed, cancelled, interrupted, expired', async () => {
    const failing = defineTask({
      name: 'failing',
      run: (): number => {
        throw new UnrecoverableError('no use')
      },
    })
    const { executor } = recorded({ tasks: [add, failing] })
    const failed = await executor.enqueue(failing)
    await expect(failed.result()).rejects.toMatchObject({
      name: 'TaskFailedError',
      code: 'TASK_FAILED',
      taskId: failed.id,
      taskName: 'failing',
      reason: 'unrecoverable',
      cause: expect.any(UnrecoverableError),
      message: `task "failing" (${failed.id}) failed: no use`,
    })
    const cancelled = await executor.enqueue(add, { a: 1, b: 1 }, { delay: '1h' })
    await cancelled.cancel({ reason: 'changed my mind' })
    await expect(cancelled.result()).rejects.toMatchObject({
      code: 'TASK_CANCELLED',
      cancelReason: 'changed my mind',
    })
    const expired = await executor.enqueue(add, { a: 1, b: 1 }, { delay: '1h', expires: 1 })
    await expect(expired.result()).rejects.toMatchObject({ code: 'TASK_EXPIRED' })
    const interrupted = await executor.enqueue(add, { a: 1, b: 1 }, { delay: '1h' })
    const result = interrupted.result()
    await Promise.all([
      executor.close(),
      expect(result).rejects.toMatchObject({ code: 'TASK_INTERRUPTED', reason: 'shutdown' }),
    ])
  })

  it('is lazy: a failure that nobody asks about is no unhandled rejection', async () => {
    const failing = defineTask({
      name: 'failing',
      run: async (): Promise<number> => {
        throw new Error('boom')
      },
    })
    const { executor } = recorded({ tasks: [failing] })
    const handle = await executor.enqueue(failing)
    await executor.drain()
    expect(await handle.record()).toMatchObject({ status: 'failed' })
  })
})
