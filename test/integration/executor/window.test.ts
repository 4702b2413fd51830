import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  createExecutor,
  defineTask,
  type Executor,
  type ExecutorOptions,
} from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { manualClock, waitFor } from '../../../src/testing.ts'
import { seededRandom } from '../../support/random.ts'
import { gate } from '../../support/recorded.ts'

function file(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'tasks.db')
}

function executorOn(path: string, options: ExecutorOptions): Executor {
  const executor = createExecutor({ observers: [], ...options, backend: sqliteBackend(path) })
  onTestFinished(() => executor.close({ grace: 0 }))
  return executor
}

test('priority and order of insertion are exact across the overflow', async () => {
  const order: { priority: number; n: number }[] = []
  const note = defineTask({
    name: 'note',
    run(input: { priority: number; n: number }) {
      order.push(input)
    },
  })
  const executor = executorOn(file(), { tasks: [note], concurrency: 1, window: 20 })
  const random = seededRandom(7)
  const opened = gate()
  const hold = defineTask({ name: 'hold', run: () => opened.promise })
  executor.register(hold)
  await executor.enqueue(hold)
  // In bursts, so that some meet the window full, some half empty, and some an insert under way.
  for (let n = 0; n < 1_000;) {
    const burst = 1 + Math.floor(random() * 60)
    const enqueues = Array.from({ length: Math.min(burst, 1_000 - n) }, () => {
      const input = { priority: Math.floor(random() * 7) - 3, n: n++ }
      return executor.enqueue(note, input, { priority: input.priority })
    })
    await Promise.all(enqueues)
  }
  opened.open()
  await executor.drain()
  const sorted = order.toSorted((a, b) => b.priority - a.priority || a.n - b.n)
  expect(order).toHaveLength(1_000)
  expect(order).toEqual(sorted)
})

test('what is enqueued with a higher priority goes before an overflow that is being worked off', async () => {
  const order: string[] = []
  const executor = executorOn(file(), { concurrency: 1, window: 10 })
  let urgent: Promise<unknown> | undefined
  const note = defineTask({
    name: 'note',
    async run({ text }: { text: string }) {
      order.push(text)
      if (order.length !== 100) return
      urgent = executor.enqueue(note, { text: 'urgent' }, { priority: 1 })
      await urgent
    },
  })
  executor.register(note)
  const many = Array.from({ length: 400 }, (_, n) => ({ task: note, input: { text: `${n}` } }))
  await executor.enqueueMany(many)
  await executor.drain()
  expect(order.indexOf('urgent')).toBe(100)
  expect(order).toHaveLength(401)
})

test('a queue with a long backlog does not hold up another one', async () => {
  const order: string[] = []
  const note = defineTask({
    name: 'note',
    run({ queue }: { queue: string }) {
      order.push(queue)
    },
  })
  const path = file()
  const web = executorOn(path, { work: false })
  const inputs = (queue: string, count: number) =>
    Array.from({ length: count }, () => ({ task: 'note', input: { queue }, options: { queue } }))
  await web.enqueueMany(inputs('bulk', 2_000))
  await web.enqueueMany(inputs('mail', 50))
  const executor = executorOn(path, { tasks: [note], concurrency: 2, window: 40 })
  await executor.start()
  await executor.drain()
  expect(order).toHaveLength(2_050)
  // In turns: the fifty are through when about fifty of the others are.
  expect(order.lastIndexOf('mail')).toBeLessThan(250)
})

test('a task at its own limit does not hold up the others of its queue', async () => {
  const opened = gate()
  const slow = defineTask({ name: 'slow', concurrency: 1, run: () => opened.promise })
  let ran = 0
  const quick = defineTask({
    name: 'quick',
    run() {
      ran += 1
    },
  })
  const executor = executorOn(file(), { tasks: [slow, quick], concurrency: 4, window: 20 })
  await executor.enqueueMany(Array.from({ length: 500 }, () => ({ task: slow })))
  await executor.enqueueMany(Array.from({ length: 100 }, () => ({ task: quick })))
  await waitFor(() => ran === 100, { what: 'the others' })
  opened.open()
  await executor.drain()
  expect((await executor.counts()).succeeded).toBe(600)
})

test('memory holds the window, and the store the rest without an owner', async () => {
  const opened = gate()
  const hold = defineTask({ name: 'hold', run: () => opened.promise })
  const executor = executorOn(file(), { tasks: [hold], concurrency: 1, window: 25 })
  await executor.enqueueMany(Array.from({ length: 1_000 }, () => ({ task: hold })))
  await waitFor(() => executor.stats().running === 1)
  const { queued, overflow } = executor.stats()
  expect(queued).toBe(999)
  expect(queued - overflow).toBeLessThanOrEqual(50)
  expect((await executor.counts()).pending).toBeGreaterThanOrEqual(999)
  opened.open()
  await executor.drain()
  expect((await executor.counts()).succeeded).toBe(1_000)
})

test('another executor works off a fair part of the overflow, and each task runs once', async () => {
  const path = file()
  const runs = new Map<number, string>()
  const work = (worker: string) =>
    defineTask({
      name: 'work',
      async run({ n }: { n: number }) {
        expect(runs.has(n)).toBe(false)
        runs.set(n, worker)
        await new Promise((resolve) => setTimeout(resolve, 10))
      },
    })
  const task = work('first')
  const first = executorOn(path, { tasks: [task], concurrency: 2 })
  const second = executorOn(path, { tasks: [work('second')], concurrency: 2 })
  await second.start()
  await first.enqueueMany(Array.from({ length: 300 }, (_, n) => ({ task, input: { n } })))
  await first.drain()
  await second.drain()
  expect(runs.size).toBe(300)
  const bySecond = [...runs.values()].filter((worker) => worker === 'second').length
  expect(bySecond).toBeGreaterThan(90)
  expect((await first.counts()).succeeded).toBe(300)
})

test('a handle of an overflowed task gets its value, and the original error', async () => {
  class Original extends Error {}
  const task = defineTask({
    name: 'task',
    run({ n }: { n: number }) {
      if (n % 2 === 1) throw new Original(`${n}`)
      return n
    },
  })
  const executor = executorOn(file(), { tasks: [task], concurrency: 2, window: 5 })
  const handles = await Promise.all(
    Array.from({ length: 100 }, (_, n) => executor.enqueue(task, { n })),
  )
  const results = await Promise.allSettled(handles.map((handle) => handle.result()))
  for (const [n, result] of results.entries()) {
    if (n % 2 === 0) expect(result).toEqual({ status: 'fulfilled', value: n })
    else expect((result as PromiseRejectedResult).reason.cause).toBeInstanceOf(Original)
  }
  await handles[99]?.started
})

test('hooks that were given with a call run for overflowed tasks too', async () => {
  const task = defineTask({ name: 'task', run: () => 'done' })
  const executor = executorOn(file(), { tasks: [task], concurrency: 1, window: 5 })
  let finals = 0
  const onFinal = () => {
    finals += 1
  }
  await Promise.all(
    Array.from({ length: 60 }, () => executor.enqueue(task, undefined, { onFinal })),
  )
  await executor.drain()
  expect(finals).toBe(60)
})

test('paused, an executor gives what waits to others, and takes part again when it is resumed', async () => {
  const path = file()
  const ran: string[] = []
  const work = (worker: string) =>
    defineTask({
      name: 'work',
      run() {
        ran.push(worker)
      },
    })
  const task = work('first')
  const first = executorOn(path, { tasks: [task], concurrency: 2 })
  await first.start()
  first.pause()
  const handles = await first.enqueueMany(Array.from({ length: 20 }, () => ({ task })))
  expect(ran).toEqual([])
  const second = executorOn(path, { tasks: [work('second')] })
  await second.start()
  await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))
  expect(ran).toEqual(Array.from({ length: 20 }, () => 'second'))
  await second.close()
  await first.enqueue(task)
  first.resume()
  await first.drain()
  expect(ran.at(-1)).toBe('first')
})

test('a task that is due later has no owner until shortly before, and any executor runs it in time', async () => {
  const path = file()
  const clock = manualClock()
  const ranAt: number[] = []
  const task = defineTask({
    name: 'task',
    run() {
      ranAt.push(clock.now())
    },
  })
  const first = executorOn(path, { tasks: [task], clock })
  const startedAt = clock.now()
  const handle = await first.enqueue(task, undefined, { delay: '1h' })
  expect((await first.get(handle.id))?.status).toBe('scheduled')
  await first.close()
  const second = executorOn(path, { tasks: [task], clock })
  await second.start()
  await clock.advance(3_599_000)
  expect(ranAt).toEqual([])
  await clock.advance(2_000)
  await waitFor(() => ranAt.length === 1)
  expect(ranAt[0]).toBe(startedAt + 3_600_000)
})

test('a retry that is far off waits in the store, and goes on with its attempt number and its own functions', async () => {
  const path = file()
  const clock = manualClock()
  const attempts: number[] = []
  const task = defineTask({
    name: 'task',
    retries: 1,
    backoff: { delay: '10m', jitter: 'none' },
    run(_: undefined, context) {
      attempts.push(context.attempt)
      if (context.attempt === 0) throw new Error('not yet')
      return 'done'
    },
  })
  const executor = executorOn(path, { tasks: [task], clock })
  let asked = 0
  const retryIf = () => {
    asked += 1
    return true
  }
  const handle = await executor.enqueue(task, undefined, { retryIf })
  const result = handle.result()
  await waitFor(async () => (await handle.record())?.status === 'retrying')
  expect(executor.stats()).toMatchObject({ waiting: 1, overflow: 1 })
  await clock.advance(601_000)
  await waitFor(() => attempts.length === 2)
  await clock.advance(2_000)
  expect(await result).toBe('done')
  expect(attempts).toEqual([0, 1])
  expect(asked).toBe(1)
})

test('close hands over what waits, in memory and in the store', async () => {
  const path = file()
  const opened = gate()
  const hold = defineTask({ name: 'task', run: () => opened.promise })
  const first = executorOn(path, { tasks: [hold], concurrency: 1, window: 10, shieldGrace: 0 })
  await first.enqueueMany(Array.from({ length: 300 }, () => ({ task: hold })))
  opened.open()
  await first.close({ grace: 0 })
  let ran = 0
  const task = defineTask({
    name: 'task',
    run() {
      ran += 1
    },
  })
  const second = executorOn(path, { tasks: [task], concurrency: 5 })
  await second.start()
  await second.drain()
  const counts = await second.counts()
  expect(counts.pending).toBe(0)
  expect(counts.succeeded + counts.interrupted).toBe(300)
  expect(ran).toBeGreaterThan(250)
})

test('maxQueued counts what waits in the store as well', async () => {
  const opened = gate()
  const hold = defineTask({ name: 'hold', run: () => opened.promise })
  const executor = executorOn(file(), {
    tasks: [hold],
    concurrency: 1,
    window: 10,
    maxQueued: 100,
  })
  for (let n = 0; n < 101; n++) await executor.enqueue(hold)
  await expect(executor.enqueue(hold)).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  const waiting = executor.enqueue(hold, undefined, { onFull: 'wait' })
  opened.open()
  await waiting
  await executor.drain()
  expect((await executor.counts()).succeeded).toBe(102)
})

test('an overflowed task that is cancelled never runs', async () => {
  const opened = gate()
  let ran = 0
  const hold = defineTask({
    name: 'hold',
    async run() {
      ran += 1
      await opened.promise
    },
  })
  const executor = executorOn(file(), { tasks: [hold], concurrency: 1, window: 5 })
  const handles = await executor.enqueueMany(Array.from({ length: 50 }, () => ({ task: hold })))
  const cancelled = await Promise.all(handles.slice(1).map((handle) => handle.cancel()))
  expect(cancelled).toEqual(Array.from({ length: 49 }, () => true))
  opened.open()
  await executor.drain()
  expect(ran).toBe(1)
})

test('a cancel from another executor reaches a task that waits in memory before it begins', async () => {
  const path = file()
  const opened = gate()
  let ran = 0
  const task = defineTask({
    name: 'task',
    async run() {
      ran += 1
      await opened.promise
    },
  })
  const first = executorOn(path, { tasks: [task], concurrency: 1 })
  const second = executorOn(path, { work: false })
  const [, waits] = await first.enqueueMany([{ task }, { task }])
  if (waits === undefined) throw new Error('no handle')
  expect(await second.cancel(waits.id, { reason: 'not needed' })).toBe(true)
  opened.open()
  await expect(waits.result()).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  expect(ran).toBe(1)
  expect((await second.get(waits.id))?.status).toBe('cancelled')
})

test.each([0, -1, 1.5, NaN, Infinity, '10', null])('window: %s is refused', (window) => {
  expect(() => createExecutor({ window: window as never })).toThrow(/"?window"?.*an integer from 1/)
})
