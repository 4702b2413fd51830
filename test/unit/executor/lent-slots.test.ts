import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask, type Task } from '../../../src/index.ts'

const leaf = defineTask({ name: 'leaf', run: (n: number) => n * 2 })

describe('a task that waits for the result of another', () => {
  it('lends its slot, so that its children run although all slots are taken by their parents', async () => {
    const parent = defineTask({
      name: 'parent',
      async run(n: number, { enqueue }) {
        const children = await Promise.all([enqueue(leaf, n), enqueue(leaf, n + 1)])
        const results = await Promise.all(children.map((child) => child.result()))
        return results.reduce((sum, each) => sum + each, 0)
      },
    })
    const executor = createExecutor({ tasks: [parent, leaf], observers: [], concurrency: 1 })
    try {
      const handles = await Promise.all([1, 2, 3, 4].map((n) => executor.enqueue(parent, n)))
      const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))
      expect(results).toEqual([6, 10, 14, 18])
      await executor.drain({ timeout: '5s' })
      expect(executor.stats()).toMatchObject({ running: 0, queued: 0 })
    } finally {
      await executor.close()
    }
  })

  it('reaches any depth', async () => {
    const nest: Task<number, number> = defineTask({
      name: 'nest',
      async run(depth: number, { enqueue }): Promise<number> {
        if (depth === 0) return 0
        const below = await enqueue(nest, depth - 1)
        return 1 + (await below.result())
      },
    })
    const executor = createExecutor({ tasks: [nest], observers: [], concurrency: 1 })
    try {
      const handle = await executor.enqueue(nest, 20)
      expect(await handle.result({ timeout: '5s' })).toBe(20)
      expect(executor.stats()).toMatchObject({ running: 0 })
    } finally {
      await executor.close()
    }
  })

  it('keeps the limit of its own task, and never goes on past the limit of the executor', async () => {
    let inside = 0
    let mostInside = 0
    let working = 0
    let mostWorking = 0
    const gate = defineTask({ name: 'gate', run: () => undefined })
    const mutex = defineTask({
      name: 'mutex',
      concurrency: 1,
      async run(_input: undefined, { enqueue }) {
        mostInside = Math.max(mostInside, ++inside)
        await (await enqueue(gate)).result()
        inside -= 1
      },
    })
    const waiting = defineTask({
      name: 'waiting',
      async run(id: string) {
        const held = await executor.enqueue(gate, undefined, { id: `gate-${id}`, delay: 20 })
        await held.result()
        mostWorking = Math.max(mostWorking, ++working)
        await new Promise((resolve) => setTimeout(resolve, 2))
        working -= 1
      },
    })
    const executor = createExecutor({
      tasks: [gate, mutex, waiting],
      observers: [],
      concurrency: 3,
    })
    try {
      for (let n = 0; n < 20; n++) {
        await executor.enqueue(mutex)
        await executor.enqueue(waiting, String(n))
      }
      await executor.drain({ timeout: '10s' })
      expect(mostInside).toBe(1)
      expect(mostWorking).toBeLessThanOrEqual(3)
      expect(executor.stats()).toMatchObject({ running: 0, queued: 0 })
    } finally {
      await executor.close()
    }
  })

  it('has its slot again when it gives up waiting', async () => {
    let working = 0
    let most = 0
    const never = defineTask({ name: 'never', run: () => undefined })
    const impatient = defineTask({
      name: 'impatient',
      async run(_input: undefined, { enqueue }) {
        const child = await enqueue(never, undefined, { delay: '1h' })
        await child.result({ timeout: 5 }).catch(() => undefined)
        most = Math.max(most, ++working)
        await new Promise((resolve) => setTimeout(resolve, 2))
        working -= 1
      },
    })
    const executor = createExecutor({ tasks: [never, impatient], observers: [], concurrency: 1 })
    try {
      for (let n = 0; n < 8; n++) await executor.enqueue(impatient)
      await executor.drain({ timeout: '10s' })
      expect(most).toBe(1)
      expect(executor.stats()).toMatchObject({ running: 0, queued: 0 })
    } finally {
      await executor.close()
    }
  })

  it('gives each slot back once, also when it times out while it waits', async () => {
    const stuck = defineTask({
      name: 'stuck',
      run: (_input: undefined, { signal }) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const waiting = defineTask({
      name: 'waiting',
      timeout: 20,
      async run(_input: undefined, { enqueue, signal }) {
        const child = await enqueue(stuck)
        return child.result({ signal })
      },
    })
    const executor = createExecutor({ tasks: [stuck, waiting], observers: [], concurrency: 1 })
    try {
      const handle = await executor.enqueue(waiting)
      await expect(handle.result()).rejects.toMatchObject({
        code: 'TASK_FAILED',
        reason: 'timeout',
      })
      for (const child of await handle.children()) await executor.cancel(child.id)
      await executor.drain({ timeout: '5s' })
      expect(executor.stats()).toMatchObject({ running: 0, queued: 0 })
    } finally {
      await executor.close()
    }
  })

  it('counts again when it goes on', async () => {
    let atOnce = 0
    let most = 0
    const busy = defineTask({
      name: 'busy',
      async run() {
        atOnce += 1
        most = Math.max(most, atOnce)
        await new Promise((resolve) => setTimeout(resolve, 5))
        atOnce -= 1
      },
    })
    const parent = defineTask({
      name: 'parent',
      run: async (_input: undefined, { enqueue }) => (await enqueue(busy)).result(),
    })
    const executor = createExecutor({ tasks: [busy, parent], observers: [], concurrency: 2 })
    try {
      for (let n = 0; n < 4; n++) await executor.enqueue(parent)
      for (let n = 0; n < 8; n++) await executor.enqueue(busy)
      await executor.drain({ timeout: '5s' })
      expect(most).toBe(2)
      expect(executor.stats()).toMatchObject({ running: 0 })
    } finally {
      await executor.close()
    }
  })
})
