import { describe, expect, it } from 'vitest'
import { defineTask, withContext } from '../../../src/index.ts'
import { joined, stores } from '../../support/stores.ts'

const noop = defineTask({ name: 'noop', run: (value: unknown) => value })

describe.each(stores)('at the edges, on $name', ({ name, create }) => {
  it('a drain waits for what was enqueued before the start was over', async () => {
    const { executor } = joined({ backend: create()(), tasks: [noop] })
    const enqueued = executor.enqueue(noop, 1)
    await executor.drain({ timeout: '5s' })
    expect((await (await enqueued).record())?.status).toBe('succeeded')
  })

  it('a retry by hand keeps the request context and the family of the record', async () => {
    const failing = defineTask({
      name: 'failing',
      run: () => {
        throw new Error('no')
      },
    })
    const parent = defineTask({
      name: 'parent',
      run: async (_input: undefined, { enqueue }) => (await enqueue(failing)).id,
    })
    const { executor } = joined({ backend: create()(), tasks: [failing, parent] })
    const handle = await withContext({ requestId: 'r1' }, () => executor.enqueue(parent))
    const childId = await handle.result()
    await executor.drain({ timeout: '5s' })
    const again = await withContext({ requestId: 'other' }, () => executor.retry(childId))
    expect(await again.record()).toMatchObject({
      retryOf: childId,
      parentId: handle.id,
      rootId: handle.id,
      requestContext: { requestId: 'r1' },
    })
  })

  it('of several retries of one record at once, one goes in; with force, each does', async () => {
    const failing = defineTask({
      name: 'failing',
      run: () => {
        throw new Error('no')
      },
    })
    const open = create()
    const { executor } = joined({ backend: open(), tasks: [failing], id: 'a' })
    const { executor: other } = joined({ backend: open(), tasks: [failing], id: 'b' })
    const handle = await executor.enqueue(failing)
    await executor.drain({ timeout: '5s' })
    const tries = await Promise.allSettled([
      executor.retry(handle.id),
      executor.retry(handle.id),
      other.retry(handle.id),
    ])
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(tries.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'DUPLICATE_TASK' },
    })
    await executor.drain({ timeout: '5s' })
    await other.drain({ timeout: '5s' })
    const [first, second] = await Promise.all([executor.retryFailed(), other.retryFailed()])
    expect([...first, ...second]).toHaveLength(1)
    const forced = await Promise.all([1, 2].map(() => executor.retry(handle.id, { force: true })))
    expect(new Set(forced.map(({ id }) => id)).size).toBe(2)
  })

  it('a keyed enqueue keeps its place among the others', async () => {
    const order: unknown[] = []
    const note = defineTask({ name: 'note', run: (n: number) => void order.push(n) })
    const { executor } = joined({ backend: create()(), tasks: [note], concurrency: 1 })
    await executor.start()
    await Promise.all([
      executor.enqueue(note, 1, { idempotencyKey: 'a' }),
      executor.enqueue(note, 2),
      executor.enqueue(note, 3, { idempotencyKey: 'b' }),
      executor.enqueueMany([
        { task: note, input: 4 },
        { task: note, input: 5 },
      ]),
      executor.enqueue(note, 6),
    ])
    await executor.drain({ timeout: '5s' })
    expect(order).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('a cancel while the insert is under way keeps the task from running', async () => {
    const ran: unknown[] = []
    const task = defineTask({ name: 'task', run: (n: number) => void ran.push(n) })
    const { executor, types } = joined({ backend: create()(), tasks: [task] })
    await executor.start()
    const enqueued = executor.enqueue(task, 1, { id: 'own-1', delay: 100 })
    expect(await executor.cancel('own-1')).toBe(true)
    await expect((await enqueued).result()).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
    expect(ran).toEqual([])
    expect(types('own-1').at(-1)).toBe('task.cancelled')
  })

  it('a child that a running task enqueues while closing is started within the grace', async () => {
    const child = defineTask({ name: 'child', run: () => 'of a closing executor' })
    let began = (): void => {}
    const isRunning = new Promise<void>((resolve) => (began = resolve))
    const parent = defineTask({
      name: 'parent',
      async run(_input: undefined, { enqueue }) {
        began()
        await new Promise((resolve) => setTimeout(resolve, 30))
        return (await enqueue(child)).result()
      },
    })
    const { executor } = joined({ backend: create()(), tasks: [child, parent], concurrency: 1 })
    const handle = await executor.enqueue(parent)
    const result = handle.result()
    await isRunning
    await executor.close({ grace: '5s' })
    expect(await result).toBe('of a closing executor')
  })

  it('a retry that waits for a body that runs on is not left behind by a close', async () => {
    const stuck = defineTask({
      name: 'stuck',
      retries: 1,
      timeout: 20,
      backoff: { delay: 0 },
      run: () => new Promise<void>((resolve) => setTimeout(resolve, 60_000).unref()),
    })
    const { executor, events, types } = joined({ backend: create()(), tasks: [stuck] })
    const handle = await executor.enqueue(stuck)
    while (!types(handle.id).includes('task.retrying')) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const startedAt = performance.now()
    await executor.close({ grace: '10s' })
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    if (name === 'memory') {
      expect(types(handle.id).at(-1)).toBe('task.interrupted')
      await expect(handle.result()).rejects.toMatchObject({ code: 'TASK_INTERRUPTED' })
    }
    expect(events.at(-1)).toMatchObject({ type: 'executor.closed' })
  })
})
