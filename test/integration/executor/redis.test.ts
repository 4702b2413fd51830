import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { localEngine } from '../../../src/engines/local/engine.ts'
import {
  createExecutor,
  defineTask,
  type Executor,
  type ExecutorOptions,
} from '../../../src/index.ts'
import { redisBackend } from '../../../src/redis.ts'
import { engineCases } from '../../../src/testing.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { gate, recorder } from '../../support/recorded.ts'
import { adminOf, testServer } from '../../support/redis-backends.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'

const url = await redisUrl()

/** Executors as in two processes: each has a backend object and connections of its own. */
function executorsOn(client: string, prefix: string) {
  return (options: ExecutorOptions): Executor => {
    const backend = redisBackend({ client, prefix, durability: 'ignore' })
    const executor = createExecutor({ observers: [], ...options, backend })
    onTestFinished(() => executor.close({ grace: 0 }))
    return executor
  }
}

describe('localEngine on Redis', () => {
  test.each(engineCases)('$name', ({ run }) =>
    run({
      hasSlots: true,
      create: (options) =>
        createExecutor({
          ...options,
          engine: localEngine(),
          backend: redisBackend({ client: url, prefix: freshPrefix(), durability: 'ignore' }),
        }),
    }),
  )
})

describe('executors of two processes on Redis', () => {
  test('a task that one enqueues and another runs starts before anybody polls, and its result comes within a second', async () => {
    const create = executorsOn(url, freshPrefix())
    const task = defineTask({ name: 'add', run: ({ a, b }: { a: number; b: number }) => a + b })
    const worker = create({ tasks: [task] })
    const web = create({ tasks: [task], work: false })
    await Promise.all([worker.start(), web.start()])
    // Between two polls.
    await sleep(300)
    const startedAt = performance.now()
    const handle = await web.enqueue(task, { a: 2, b: 3 })
    expect(await handle.result()).toBe(5)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    const record = await handle.record()
    expect((record?.startedAt ?? 0) - (record?.createdAt ?? 0)).toBeLessThan(400)
  })

  test('a cancel by the one reaches the body in the other by its next beat', async () => {
    const create = executorsOn(url, freshPrefix())
    const running = gate()
    const task = defineTask({
      name: 'wait',
      run: (_input: unknown, { signal }) => {
        running.open()
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      },
    })
    const worker = create({ tasks: [task] })
    const web = create({ tasks: [task], work: false })
    await Promise.all([worker.start(), web.start()])
    const handle = await web.enqueue(task)
    await running.promise
    const startedAt = performance.now()
    await handle.cancel()
    await expect(handle.result()).rejects.toThrow('cancelled')
    expect(performance.now() - startedAt).toBeLessThan(6_500)
  })

  test('a failed task that the one retries runs in the other', async () => {
    const create = executorsOn(url, freshPrefix())
    let runs = 0
    const task = defineTask({
      name: 'flaky',
      run: () => {
        runs += 1
        if (runs === 1) throw new Error('not yet')
        return runs
      },
    })
    const worker = create({ tasks: [task] })
    const web = create({ tasks: [task], work: false })
    await Promise.all([worker.start(), web.start()])
    const handle = await web.enqueue(task)
    await expect(handle.result()).rejects.toThrow('not yet')
    const again = await web.retry(handle.id)
    expect(await again.result()).toBe(2)
    expect((await web.get(handle.id))?.retriedBy).toBe(again.id)
  })
})

describe('an executor whose Redis', () => {
  test('keeps nothing on its disk says so once, as backend.error', async () => {
    const server = await testServer()
    const record = recorder()
    const executor = createExecutor({
      tasks: [],
      observers: [record],
      backend: redisBackend({ client: server.url }),
    })
    onTestFinished(() => executor.close())
    await executor.start()
    const errors = record.events.filter(({ type }) => type === 'backend.error')
    expect(errors).toMatchObject([{ operation: 'open', code: 'not_durable', level: 'warning' }])
  })

  test('is emptied while tasks run goes on with what comes then', async () => {
    const server = await testServer()
    const create = executorsOn(server.url, 'emptied')
    const task = defineTask({ name: 'work', run: async (ms: number) => sleep(ms) })
    const executor = create({ tasks: [task] })
    await executor.start()
    const lost = await executor.enqueue(task, 200)
    await adminOf(server).flushall()
    await sleep(500)
    await expect(lost.result({ timeout: '10s' })).rejects.toThrow()
    // Its next beat tells it, and it registers anew.
    const handle = await waitFor(async () => executor.enqueue(task, 1), {
      what: 'the next enqueue',
      timeout: '10s',
    })
    await handle.result({ timeout: '10s' })
    expect((await executor.counts()).succeeded).toBe(1)
  }, 40_000)

  test('is gone for a while finishes what runs, and writes it when it is there again', async () => {
    const server = await testServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const create = executorsOn(server.url, 'gone')
    const running = gate()
    const end = gate()
    const task = defineTask({
      name: 'work',
      run: async () => {
        running.open()
        await end.promise
        return 'done'
      },
    })
    const executor = create({ tasks: [task] })
    await executor.start()
    const handle = await executor.enqueue(task)
    await running.promise
    server.signal('SIGKILL')
    await server.ended
    end.open()
    const startedAt = performance.now()
    await expect(executor.enqueue(task)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
    expect(performance.now() - startedAt).toBeLessThan(12_000)
    await server.restart()
    expect(await handle.result({ timeout: '15s' })).toBe('done')
    await waitFor(async () => (await handle.record())?.status === 'succeeded', {
      what: 'the record',
      timeout: '15s',
    })
  }, 60_000)
})

test('an executor that waits for nothing does not keep its process alive', async () => {
  const child = startChild(join(import.meta.dirname, 'redis-idle-program.ts'), [url, freshPrefix()])
  await child.line('done')
  const startedAt = performance.now()
  expect(await child.ended).toMatchObject({ code: 0 })
  expect(performance.now() - startedAt).toBeLessThan(3_000)
})
