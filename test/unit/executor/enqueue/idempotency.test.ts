import { describe, expect, it } from 'vitest'
import { defineTask } from '../../../../src/index.ts'
import { eventsOf, gate, recorded } from '../../../support/recorded.ts'
import { joined, stores } from '../../../support/stores.ts'

const pay = defineTask({
  name: 'pay',
  run: ({ amount }: { amount: number; note?: string }) => amount,
})
const refund = defineTask({ name: 'refund', run: ({ amount }: { amount: number }) => -amount })
const failing = defineTask({
  name: 'failing',
  run: (): number => {
    throw new Error('boom')
  },
})
const key = { idempotencyKey: 'invoice-42' }

describe.each(stores)('an idempotency key, on $name', ({ create }) => {
  it('leads a second call to the first task, while it lives and after it succeeded', async () => {
    const work = gate()
    const task = defineTask({ name: 'slow', run: () => work.promise })
    const { executor, events } = recorded({ backend: create()(), tasks: [task] })
    const first = await executor.enqueue(task, undefined, key)
    const second = await executor.enqueue(task, undefined, key)
    work.open()
    await second.result()
    const third = await executor.enqueue(task, undefined, key)
    await third.result()
    expect([first, second, third].map(({ id, deduplicated }) => [id, deduplicated])).toEqual([
      [first.id, false],
      [first.id, true],
      [first.id, true],
    ])
    expect(eventsOf(events, first.id).map((event) => event.type)).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.deduplicated',
      'task.succeeded',
      'task.deduplicated',
    ])
    expect(events.find((event) => event.type === 'task.deduplicated')).toMatchObject({
      idempotencyKey: 'invoice-42',
      level: 'debug',
    })
    expect((await executor.list()).records).toHaveLength(1)
  })

  it('makes one task of a hundred calls at once', async () => {
    const { executor } = joined({ backend: create()(), tasks: [pay] })
    const handles = await Promise.all(
      Array.from({ length: 100 }, () => executor.enqueue(pay, { amount: 7 }, key)),
    )
    expect(new Set(handles.map((handle) => handle.id)).size).toBe(1)
    expect(handles.filter((handle) => !handle.deduplicated)).toHaveLength(1)
    expect(await handles[99]?.result()).toBe(7)
  })

  it('of another input is a mismatch, and the first task is untouched; the order of properties is no difference', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [pay] })
    const first = await executor.enqueue(pay, { amount: 7, note: 'x' }, key)
    await expect(executor.enqueue(pay, { amount: 8 }, key)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      idempotencyKey: 'invoice-42',
      taskId: first.id,
    })
    expect((await executor.enqueue(pay, { note: 'x', amount: 7 }, key)).id).toBe(first.id)
    expect(await first.result()).toBe(7)
  })

  it('is scoped by the task’s name', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [pay, refund] })
    const [one, two] = [
      await executor.enqueue(pay, { amount: 7 }, key),
      await executor.enqueue(refund, { amount: 8 }, key),
    ]
    expect([await one.result(), await two.result()]).toEqual([7, -8])
  })

  it('is free again once its task failed, was cancelled or expired', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [failing, pay] })
    const failed = await executor.enqueue(failing, undefined, key)
    await expect(failed.result()).rejects.toThrow('boom')
    const again = await executor.enqueue(failing, undefined, key)
    expect([again.deduplicated, again.id === failed.id]).toEqual([false, false])

    const cancelled = await executor.enqueue(pay, { amount: 1 }, { ...key, delay: '1h' })
    await cancelled.cancel()
    const expired = await executor.enqueue(pay, { amount: 2 }, { ...key, delay: '1h', expires: 1 })
    expect(expired.deduplicated).toBe(false)
    await expect(expired.result()).rejects.toMatchObject({ code: 'TASK_EXPIRED' })
    expect((await executor.enqueue(pay, { amount: 3 }, key)).deduplicated).toBe(false)
  })

  it('is known to other executors, and after a restart', async () => {
    const open = create()
    const { executor: before } = joined({ backend: open(), tasks: [pay] })
    const first = await before.enqueue(pay, { amount: 7 }, key)
    await first.result()
    const { executor: web } = joined({ backend: open(), work: false })
    const second = await web.enqueue('pay', { amount: 7 }, key)
    expect([second.id, second.deduplicated]).toEqual([first.id, true])
    expect(await second.result()).toBe(7)
    await before.close()
    const { executor: after } = joined({ backend: open(), tasks: [pay] })
    expect((await after.enqueue(pay, { amount: 7 }, key)).id).toBe(first.id)
  })

  it('goes over to a retry by hand, which is refused when another task holds it', async () => {
    const { executor } = recorded({ backend: create()(), tasks: [failing] })
    const failed = await executor.enqueue(failing, undefined, key)
    await expect(failed.result()).rejects.toThrow()
    const retried = await executor.retry(failed.id)
    expect(await retried.record()).toMatchObject({
      idempotencyKey: 'invoice-42',
      retryOf: failed.id,
      source: 'retry',
    })
    await expect(retried.result()).rejects.toThrow()
    const other = await executor.enqueue(failing, undefined, { ...key, delay: '1h' })
    await expect(executor.retry(retried.id)).rejects.toMatchObject({
      code: 'DUPLICATE_TASK',
      taskId: other.id,
    })
  })
})

describe('a wrong idempotency key', () => {
  it.each(['', 'k'.repeat(513), 7, null])('is refused: %#', async (idempotencyKey) => {
    const { executor } = recorded({ tasks: [pay] })
    await expect(
      executor.enqueue(pay, { amount: 1 }, { idempotencyKey } as never),
    ).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      option: 'idempotencyKey',
    })
  })

  it('is refused with a wrong ttl', async () => {
    const { executor } = recorded({ tasks: [pay] })
    await expect(
      executor.enqueue(pay, { amount: 1 }, { ...key, idempotencyTtl: 'long' as never }),
    ).rejects.toMatchObject({
      option: 'idempotencyTtl',
    })
  })
})
