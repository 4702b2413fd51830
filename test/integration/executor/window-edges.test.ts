import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Backend } from '../../../src/backends/backend.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  type Executor,
  type ExecutorOptions,
} from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { faultyBackend, manualClock, waitFor } from '../../../src/testing.ts'
import { gate } from '../../support/recorded.ts'

function file(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'tasks.db')
}

function executorOn(store: string | Backend, options: ExecutorOptions): Executor {
  const backend = typeof store === 'string' ? sqliteBackend(store) : store
  const executor = createExecutor({ observers: [], ...options, backend })
  onTestFinished(() => executor.close({ grace: 0 }))
  return executor
}

function many<Item>(count: number, make: (n: number) => Item): Item[] {
  return Array.from({ length: count }, (_, n) => make(n))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test('tasks that wait for their retry, for their time or for their expiry do not hold up the overflow of their queue', async () => {
  const clock = manualClock()
  let failed = 0
  const fails = defineTask({
    name: 'fails',
    retries: 1,
    backoff: { delay: '30s', jitter: 'none' },
    run() {
      failed += 1
      throw new Error('not yet')
    },
  })
  let ran = 0
  const quick = defineTask({
    name: 'quick',
    run() {
      ran += 1
    },
  })
  const executor = executorOn(file(), { tasks: [fails, quick], concurrency: 2, clock })
  await executor.enqueueMany(many(40, () => ({ task: fails })))
  await waitFor(() => failed === 40, { what: 'the failures' })
  await executor.enqueueMany(many(40, () => ({ task: quick, options: { delay: 4_000 } })))
  const expiring = { delay: '2h', expires: '1h' } as const
  await executor.enqueueMany(many(40, () => ({ task: quick, options: expiring })))
  await executor.enqueueMany(many(100, () => ({ task: quick })))
  await waitFor(() => ran === 100, { what: 'those that are due' })
  expect(executor.stats()).toMatchObject({ retrying: 40, scheduled: 80 })
})

test('what was cancelled in the store, or run from there by others, takes up no room of maxQueued', async () => {
  const path = file()
  const clock = manualClock()
  const task = defineTask({ name: 'task', run: () => {} })
  const executor = executorOn(path, { tasks: [task], maxQueued: 20, clock })
  const handles = await executor.enqueueMany(many(20, () => ({ task, options: { delay: '1h' } })))
  await expect(executor.enqueue(task)).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  await Promise.all(handles.map((handle) => handle.cancel()))
  expect(executor.stats().overflow).toBe(0)
  await executor.enqueueMany(many(20, () => ({ task, options: { delay: '1h' } })))
  executor.pause()
  const other = executorOn(path, { tasks: [task], clock, concurrency: 20 })
  await other.start()
  await clock.advance(4_200_000)
  await waitFor(async () => (await other.counts()).succeeded === 20, { what: 'the other one' })
  executor.resume()
  await clock.advance(2_000)
  await waitFor(() => executor.stats().overflow === 0, { what: 'the room' })
  await executor.enqueue(task)
})

test('a task that runs while the executor closes gets the result of its child, whatever waits in the store', async () => {
  const opened = gate()
  const child = defineTask({ name: 'child', run: () => 'done' })
  const parent = defineTask({
    name: 'parent',
    async run(_: undefined, context) {
      await opened.promise
      return (await context.enqueue(child)).result()
    },
  })
  const executor = executorOn(file(), { tasks: [child, parent], concurrency: 1 })
  const handle = await executor.enqueue(parent)
  const result = handle.result()
  await executor.enqueueMany(many(100, () => ({ task: child })))
  const closed = executor.close({ grace: '5s' })
  opened.open()
  expect(await result).toBe('done')
  await closed
})

test('a retry that comes up while the executor is paused is given to others', async () => {
  const path = file()
  const opened = gate()
  const first = defineTask({
    name: 'task',
    retries: 1,
    backoff: { delay: 1 },
    async run() {
      await opened.promise
      throw new Error('not here')
    },
  })
  const executor = executorOn(path, { tasks: [first] })
  const handle = await executor.enqueue(first)
  executor.pause()
  opened.open()
  const other = executorOn(path, { tasks: [defineTask({ name: 'task', run: () => 'there' })] })
  await other.start()
  expect(await handle.result({ timeout: '5s' })).toBe('there')
})

test('a cancel that comes just before a far retry is stored ends the task now, not when the retry is due', async () => {
  const path = file()
  const opened = gate()
  const task = defineTask({
    name: 'task',
    retries: 1,
    backoff: { delay: '1h' },
    async run() {
      await opened.promise
      throw new Error('not yet')
    },
  })
  const executor = executorOn(path, { tasks: [task] })
  const other = executorOn(path, { work: false })
  const handle = await executor.enqueue(task)
  await handle.started
  expect(await other.cancel(handle.id, { reason: 'not needed' })).toBe(true)
  opened.open()
  await expect(handle.result({ timeout: '3s' })).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  const record = await other.get(handle.id)
  expect(record).toMatchObject({ status: 'cancelled', attempt: 0, reason: 'not needed' })
  expect((await executor.listAttempts()).attempts[0]).toMatchObject({ outcome: 'failed' })
})

test('a task that is cancelled in the store has the hooks that were given with its call', async () => {
  const task = defineTask({ name: 'task', run: () => {} })
  const executor = executorOn(file(), { tasks: [task] })
  let finals = 0
  const onFinal = () => {
    finals += 1
  }
  const handle = await executor.enqueue(task, undefined, { delay: '1h', onFinal })
  await handle.cancel()
  expect(finals).toBe(1)
})

test('what lies in the store in thousands of queues is worked off in one go, and drain waits for all of it', async () => {
  const path = file()
  const web = executorOn(path, { work: false })
  await web.enqueueMany(many(5_000, (n) => ({ task: 'task', options: { queue: `q${n % 2_500}` } })))
  let ran = 0
  const task = defineTask({
    name: 'task',
    run() {
      ran += 1
    },
  })
  const clock = manualClock()
  const executor = executorOn(path, { tasks: [task], clock })
  await executor.start()
  await executor.drain()
  expect(ran).toBe(5_000)
})

test('however many results are waited for, the store is asked for a bounded number of them a second', async () => {
  let asked = 0
  const count = faultyBackend(sqliteBackend(file()), ({ method }) => {
    if (method === 'get') asked += 1
    return undefined
  })
  const web = executorOn(count, { work: false })
  const handles = await web.enqueueMany(many(20_000, () => ({ task: 'task' })))
  const stop = new AbortController()
  const sinceMs = performance.now()
  for (const handle of handles) handle.result({ signal: stop.signal }).catch(() => {})
  await sleep(2_000)
  const seconds = (performance.now() - sinceMs) / 1_000
  stop.abort()
  expect(asked).toBeLessThan(5_000 * seconds)
})

test('a record that a claim and the look for lost answers both give runs once, and can be cancelled', async () => {
  const path = file()
  const inner = sqliteBackend(path)
  const asked = gate()
  const claimed = gate()
  let given = 0
  const backend: Backend = {
    ...inner,
    // The first reply with a record is lost, and the second comes after that of the look for lost ones, which has it too.
    async claim(owner, query) {
      const answer = await inner.claim(owner, query)
      if (answer.length === 0) return answer
      given += 1
      if (given === 1) throw new Error('its reply was lost')
      claimed.open()
      await sleep(300)
      return answer
    },
    async owned(owner) {
      asked.open()
      await claimed.promise
      return inner.owned(owner)
    },
  }
  const web = executorOn(path, { work: false })
  let ran = 0
  const opened = gate()
  const task = defineTask({
    name: 'task',
    async run(_: undefined, { signal }) {
      ran += 1
      await Promise.race([opened.promise, new Promise((resolve) => (signal.onabort = resolve))])
      signal.throwIfAborted()
    },
  })
  const executor = executorOn(backend, { tasks: [task] })
  await executor.start()
  await web.enqueue('task')
  await asked.promise
  const handle = await web.enqueue('task')
  await waitFor(() => ran === 2, { what: 'both' })
  await sleep(400)
  expect(executor.stats()).toMatchObject({ running: 2, queued: 0 })
  await executor.cancel(handle.id)
  await expect(handle.result({ timeout: '3s' })).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  expect(ran).toBe(2)
  opened.open()
})

test('what is adopted while the executor closes is not started any more', async () => {
  const path = file()
  const inner = sqliteBackend(path)
  const dead = createExecutor({ work: false, backend: sqliteBackend(path), observers: [] })
  let adopting = true
  const backend: Backend = {
    ...inner,
    // As a dead owner would: the record is given to this executor, and the answer comes late.
    deadOwners: () => (adopting ? [] : ['gone']),
    async adopt(owner, deadOwner, names, limit) {
      if (deadOwner !== 'gone') return inner.adopt(owner, deadOwner, names, limit)
      adopting = true
      const query = { names, limit, dueBefore: owner.now }
      const records = await inner.claim(owner, query)
      await sleep(200)
      return records
    },
    claim: () => [],
  }
  let ran = 0
  const task = defineTask({
    name: 'task',
    run() {
      ran += 1
    },
  })
  const opened = gate()
  const busy = defineTask({ name: 'busy', run: () => opened.promise })
  const executor = executorOn(backend, { tasks: [task, busy] })
  await executor.enqueue(busy)
  await dead.enqueue('task')
  adopting = false
  await waitFor(() => adopting, { what: 'the adoption' })
  const closed = executor.close({ grace: '5s' })
  await sleep(400)
  opened.open()
  await closed
  expect(ran).toBe(0)
  expect(await dead.counts()).toMatchObject({ pending: 1, succeeded: 1 })
  await dead.close()
})

test('what another executor has put into a memory backend is taken up as fast as it is run', async () => {
  const backend = memoryBackend()
  const clock = manualClock()
  let ran = 0
  const task = defineTask({
    name: 'task',
    async run() {
      await new Promise(setImmediate)
      ran += 1
    },
  })
  const web = executorOn(backend, { work: false, clock })
  const executor = executorOn(backend, { tasks: [task], clock })
  await executor.start()
  await web.enqueueMany(many(500, () => ({ task: 'task' })))
  await clock.advance(1_000)
  await waitFor(() => ran === 500, { what: 'all of them, without another second' })
})
