import { describe, expect, onTestFinished, test } from 'vitest'
import type { Backend, StatePatch } from '../../../src/backends/backend.ts'
import { createExecutor, defineTask, taskLog, type ExecutorOptions } from '../../../src/index.ts'
import { BackendUnavailableError } from '../../../src/task/errors.ts'
import { recorded } from '../../support/recorded.ts'
import { stores } from '../../support/stores.ts'

const sqlite = stores.find(({ name }) => name === 'sqlite')

function newBackend(): Backend {
  if (sqlite === undefined) throw new Error('there is no store named sqlite')
  return sqlite.create()()
}

/** The store, and how many records and states each call brought it. */
function counting(backend: Backend = newBackend()): Backend & { readonly calls: string[] } {
  const calls: string[] = []
  return {
    ...backend,
    calls,
    insert(records) {
      calls.push(`insert ${records.length}`)
      return backend.insert(records)
    },
    insertEach(records) {
      calls.push(`insertEach ${records.length}`)
      return backend.insertEach?.(records) ?? []
    },
    update(patches) {
      calls.push(`update ${patches.map(({ state }) => state.status[0]).join('')}`)
      return backend.update(patches)
    },
  }
}

function quiet(options: ExecutorOptions): ReturnType<typeof createExecutor> {
  const executor = createExecutor({ ...options, observers: [] })
  onTestFinished(() => executor.close({ grace: 0 }))
  return executor
}

function unavailable(message: string): BackendUnavailableError {
  return new BackendUnavailableError('sqlite', 'update', 'io', message)
}

describe('what the tasks of a turn tell the store', () => {
  test('is one call for the new records and one for the ends', async () => {
    const backend = counting()
    const task = defineTask({ name: 'task', run: () => 7 })
    const executor = quiet({ tasks: [task], backend, concurrency: 10 })
    await executor.start()
    const handles = await Promise.all(Array.from({ length: 10 }, () => executor.enqueue(task)))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(Array(10).fill(7))
    expect(backend.calls).toEqual(['insertEach 10', `update ${'s'.repeat(10)}`])
  })

  test('is written twice for each task, as fast as slots come free', async () => {
    const backend = counting()
    const task = defineTask({ name: 'task', run: () => {} })
    const executor = quiet({ tasks: [task], backend, concurrency: 10 })
    await executor.start()
    const enqueueTen = async (): Promise<void> => {
      for (let count = 0; count < 10; count++) await executor.enqueue(task)
    }
    await Promise.all(Array.from({ length: 10 }, enqueueTen))
    await executor.drain()
    const updates = backend.calls.filter((call) => call.startsWith('update'))
    expect(updates.join('').replaceAll('update ', '')).toBe('s'.repeat(100))
  })

  test('keeps the order of calls, and of priorities', async () => {
    const ran: string[] = []
    const task = defineTask({ name: 'task', run: (input: string) => void ran.push(input) })
    const executor = quiet({ tasks: [task], backend: newBackend(), concurrency: 1 })
    await executor.start()
    const enqueued = [
      executor.enqueue(task, 'first'),
      executor.enqueue(task, 'low', { priority: -1 }),
      executor.enqueue(task, 'keyed', { idempotencyKey: 'key' }),
      executor.enqueueMany([{ task, input: 'many' }]),
      executor.enqueue(task, 'high', { priority: 1 }),
      executor.enqueue(task, 'last'),
    ]
    await Promise.all(enqueued)
    await executor.drain()
    expect(ran).toEqual(['first', 'high', 'keyed', 'many', 'last', 'low'])
  })

  test('has its starts in one call as well, before the bodies', async () => {
    const backend = counting()
    const task = defineTask({ name: 'task', run: () => {} })
    const executor = quiet({ tasks: [task], backend, concurrency: 5 })
    await executor.start()
    executor.pause()
    await executor.enqueueMany(Array.from({ length: 5 }, () => ({ task })))
    backend.calls.length = 0
    executor.resume()
    await executor.drain()
    const writes = backend.calls.filter((call) => call.startsWith('update'))
    expect(writes).toEqual(['update rrrrr', 'update sssss'])
  })

  test('comes in calls that keep nobody waiting for long', async () => {
    const backend = counting()
    const task = defineTask({ name: 'task', run: () => {} })
    const executor = quiet({ tasks: [task], backend, concurrency: 2_000 })
    await executor.start()
    await Promise.all(Array.from({ length: 1_200 }, () => executor.enqueue(task)))
    await executor.drain()
    const inserts = backend.calls.filter((call) => call.startsWith('insert'))
    expect(inserts).toEqual(['insertEach 500', 'insertEach 500', 'insertEach 200'])
    const largest = Math.max(...backend.calls.map((call) => (call.split(' ')[1] ?? '').length))
    expect(largest).toBeLessThanOrEqual(500)
  })

  test('comes before what is called after it', async () => {
    const task = defineTask({ name: 'task', run: () => {} })
    const executor = quiet({ tasks: [task], backend: newBackend(), concurrency: 1 })
    await executor.start()
    const first = executor.enqueue(task)
    const rest = executor.enqueueMany([{ task }, { task }])
    const last = executor.enqueue(task)
    const counts = executor.counts()
    const ids = [await first, ...(await rest), await last].map(({ id }) => id)
    const sum = Object.values(await counts).reduce((all, count) => all + count)
    expect(sum).toBe(4)
    const { records } = await executor.list({ order: 'oldest' })
    expect(records.map(({ id }) => id)).toEqual(ids)
  })

  test('keeps the lines of a body whose start is written behind', async () => {
    const task = defineTask({
      name: 'task',
      requeueOnInterrupt: true,
      run(index: number) {
        taskLog(`line of ${index}`)
      },
    })
    const { executor } = recorded({ tasks: [task], backend: newBackend(), concurrency: 3 })
    await executor.start()
    const handles = await executor.enqueueMany([1, 2, 3].map((input) => ({ task, input })))
    await executor.drain()
    for (const [index, { id }] of handles.entries()) {
      const record = await executor.get(id)
      expect(record?.status).toBe('succeeded')
      expect(record?.logs).toEqual([expect.stringContaining(`line of ${index + 1}`)])
    }
  })
})

describe('a state that the store cannot take', () => {
  test('keeps no other of its turn from being written', async () => {
    const inner = newBackend()
    let refusals = 0
    const bad: { id?: string | undefined } = {}
    const backend: Backend = {
      ...inner,
      update(patches: readonly StatePatch[]) {
        const isBad = patches.some(({ id, state }) => id === bad.id && state.status !== 'running')
        if (!isBad || refusals >= 4) return inner.update(patches)
        refusals += 1
        throw unavailable('it is too large')
      },
    }
    const task = defineTask({ name: 'task', run: (index: number) => index })
    const { executor } = recorded({ tasks: [task], backend, concurrency: 5 })
    await executor.start()
    const handles = await Promise.all([0, 1, 2, 3, 4].map((index) => executor.enqueue(task, index)))
    bad.id = handles[2]?.id
    const order: number[] = []
    await Promise.all(
      handles.map(async (handle) => {
        order.push(await handle.result())
      }),
    )
    expect(refusals).toBe(4)
    expect(new Set(order)).toEqual(new Set([0, 1, 2, 3, 4]))
    expect(order.at(-1)).toBe(2)
  })
})

describe('a record that the store cannot take', () => {
  test('is the only one whose enqueue fails', async () => {
    const inner = newBackend()
    const backend: Backend = {
      ...inner,
      async insertEach(records) {
        const results = await inner.insertEach?.(records.filter(({ spec }) => !isBad(spec)))
        const rest = [...(results ?? [])]
        return records.map(({ spec }) => {
          return isBad(spec) ? unavailable('it is too large') : (rest.shift() ?? unavailable('?'))
        })
      },
      insert(records) {
        if (records.some(({ spec }) => isBad(spec))) throw unavailable('it is too large')
        return inner.insert(records)
      },
    }
    const isBad = ({ inputJson }: { readonly inputJson: string | undefined }): boolean =>
      inputJson === '1'
    const task = defineTask({ name: 'task', run: (index: number) => index })
    const { executor } = recorded({ tasks: [task], backend })
    await executor.start()
    const answers = await Promise.allSettled(
      [0, 1, 2].map((index) => executor.enqueue(task, index)),
    )
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(answers[1]).toMatchObject({ reason: { code: 'BACKEND_UNAVAILABLE' } })
    await executor.drain()
    expect((await executor.counts()).succeeded).toBe(2)
  })

  test('or is lost with its whole turn on the way, is inserted once all the same', async () => {
    const inner = newBackend()
    let replies = 0
    const backend: Backend = {
      ...inner,
      async insertEach(records) {
        const results = (await inner.insertEach?.(records)) ?? []
        if (replies++ === 0) throw unavailable('its reply was lost')
        return results
      },
    }
    const task = defineTask({ name: 'task', run: (index: number) => index })
    const { executor } = recorded({ tasks: [task], backend })
    const handles = await Promise.all([0, 1, 2].map((index) => executor.enqueue(task, index)))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([0, 1, 2])
    expect((await executor.counts()).succeeded).toBe(3)
    expect(replies).toBe(1)
  })
})
