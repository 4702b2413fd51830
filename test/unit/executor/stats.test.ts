import { describe, expect, onTestFinished, test } from 'vitest'
import type { Backend } from '../../../src/backends/backend.ts'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  type ExecutorStats,
  type GroupStats,
  type Task,
  type WorkTotals,
} from '../../../src/index.ts'
import { faultyBackend } from '../../../src/testing/faulty-backend.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded } from '../../support/recorded.ts'
import { seededRandom } from '../../support/random.ts'
import { stores } from '../../support/stores.ts'

const NOTHING: WorkTotals = {
  enqueued: 0,
  started: 0,
  succeeded: 0,
  failed: 0,
  retried: 0,
  cancelled: 0,
  interrupted: 0,
  requeued: 0,
  expired: 0,
}

interface Model {
  readonly totals: { -readonly [Name in keyof WorkTotals]: number }
  readonly running: Set<string>
}

/** What the events of one executor say, of all tasks, of those of a queue, or of one name. */
function modelOf(
  events: readonly PlainsightEvent[],
  isMeant: (event: { readonly queue: string; readonly taskName: string }) => boolean,
): Model {
  const model: Model = { totals: { ...NOTHING }, running: new Set() }
  const { totals, running } = model
  for (const event of events) {
    if (!('taskId' in event) || !isMeant(event)) continue
    switch (event.type) {
      case 'task.enqueued':
      case 'task.scheduled':
        totals.enqueued += 1
        break
      case 'attempt.started':
        totals.started += 1
        running.add(event.taskId)
        break
      case 'task.succeeded':
        totals.succeeded += 1
        break
      case 'task.failed':
        totals.failed += 1
        break
      case 'task.retrying':
        totals.retried += 1
        break
      case 'task.cancelled':
        totals.cancelled += 1
        break
      case 'task.interrupted':
        totals.interrupted += 1
        break
      case 'task.requeued':
        totals.requeued += 1
        break
      case 'task.expired':
        totals.expired += 1
        break
      default:
    }
    if (event.status !== 'running') running.delete(event.taskId)
  }
  return model
}

function sum(
  groups: readonly GroupStats[],
  name: 'running' | 'queued' | 'retrying' | 'scheduled',
): number {
  return groups.reduce((total, group) => total + group[name], 0)
}

/** The numbers that `stats` may not contradict: the events so far, and itself. */
function check(stats: ExecutorStats, events: readonly PlainsightEvent[]): void {
  const all = modelOf(events, () => true)
  expect(stats.totals).toEqual(all.totals)
  expect(stats.running).toBe(all.running.size)
  for (const [queue, group] of Object.entries(stats.queues)) {
    const model = modelOf(events, (event) => event.queue === queue)
    expect([queue, group.running, group.totals]).toEqual([queue, model.running.size, model.totals])
  }
  for (const [name, group] of Object.entries(stats.tasks)) {
    const model = modelOf(events, (event) => event.taskName === name)
    expect([name, group.running, group.totals]).toEqual([name, model.running.size, model.totals])
  }
  for (const groups of [Object.values(stats.queues), Object.values(stats.tasks)]) {
    for (const name of ['running', 'retrying'] as const) {
      expect(sum(groups, name)).toBe(stats[name])
    }
    const inMemory = stats.queued + stats.scheduled - stats.overflow
    expect(sum(groups, 'queued') + sum(groups, 'scheduled')).toBe(inMemory)
  }
  expect(stats.waiting).toBe(stats.retrying + stats.scheduled)
}

describe('stats', () => {
  test('of a new executor are all nothing', () => {
    const executor = createExecutor({ observers: [], concurrency: 3 })
    onTestFinished(() => executor.close())
    expect(executor.stats()).toMatchObject({
      phase: 'new',
      ready: false,
      running: 0,
      queued: 0,
      retrying: 0,
      scheduled: 0,
      waiting: 0,
      oldestWaitMs: 0,
      slots: { total: 3, taken: 0, lent: 0 },
      totals: NOTHING,
      queues: {},
      tasks: {},
      storeErrors: 0,
      observers: [],
    })
  })

  test('say what runs and waits, by queue and task, and since when', async () => {
    const clock = manualClock()
    const end = gate()
    const slow = defineTask({ name: 'slow', queue: 'a', run: () => end.promise })
    const shy = defineTask({
      name: 'shy',
      queue: 'b',
      retries: 1,
      backoff: { delay: '1h', jitter: 'none' },
      run() {
        throw new Error('no')
      },
    })
    const { executor } = recorded({ tasks: [slow, shy], clock, concurrency: 2 })
    await executor.enqueue(shy)
    await clock.settle()
    for (let round = 0; round < 5; round++) {
      await executor.enqueue(slow)
      await clock.advance(1_000)
    }
    await executor.enqueue(shy, undefined, { delay: '2h' })
    const nothing = { running: 0, queued: 0, retrying: 0, scheduled: 0, oldestWaitMs: 0 }
    const ofSlow = {
      ...nothing,
      running: 2,
      queued: 3,
      oldestWaitMs: 3_000,
      totals: { ...NOTHING, enqueued: 5, started: 2 },
    }
    const ofShy = {
      ...nothing,
      retrying: 1,
      scheduled: 1,
      totals: { ...NOTHING, enqueued: 2, started: 1, retried: 1 },
    }
    expect(executor.stats()).toMatchObject({
      phase: 'open',
      ready: true,
      concurrency: 2,
      running: 2,
      queued: 3,
      retrying: 1,
      scheduled: 1,
      waiting: 2,
      oldestWaitMs: 3_000,
      slots: { total: 2, taken: 2, lent: 0 },
      queues: { a: ofSlow, b: ofShy },
      tasks: { slow: ofSlow, shy: ofShy },
    })
    end.open()
    await clock.settle()
    expect(executor.stats()).toMatchObject({ running: 0, queued: 0, oldestWaitMs: 0 })
    expect(executor.stats().latency.wait).toMatchObject({ count: 6, max: 3_000 })
  })

  test('names of queues and tasks are never mistaken for parts of an object', async () => {
    const task = defineTask({ name: 'constructor', run: () => {} })
    const { executor } = recorded({ tasks: [task] })
    await (await executor.enqueue(task, undefined, { queue: '__proto__' })).result()
    const { queues, tasks } = executor.stats()
    expect(Object.entries(queues).map(([name, { totals }]) => [name, totals.succeeded])).toEqual([
      ['__proto__', 1],
    ])
    expect(Object.keys(tasks)).toEqual(['constructor'])
  })

  test('say how many slots are lent', async () => {
    const end = gate()
    const child = defineTask({ name: 'child', run: () => end.promise })
    const parent = defineTask({
      name: 'parent',
      run: async (_input: unknown, { enqueue }) => (await enqueue(child)).result(),
    })
    const clock = manualClock()
    const { executor } = recorded({ tasks: [parent, child], concurrency: 1, clock })
    const handle = await executor.enqueue(parent)
    await clock.settle()
    expect(executor.stats()).toMatchObject({
      running: 2,
      slots: { total: 1, taken: 1, lent: 1 },
      tasks: { parent: { running: 1 }, child: { running: 1 } },
    })
    end.open()
    await handle.result()
    expect(executor.stats()).toMatchObject({ running: 0, slots: { taken: 0, lent: 0 } })
  })

  test('count a body that runs on past its attempt until it has settled or was abandoned', async () => {
    const clock = manualClock()
    const end = gate()
    const deaf = defineTask({
      name: 'deaf',
      timeout: '1s',
      abandonAfter: '1m',
      run: () => end.promise,
    })
    const { executor } = recorded({ tasks: [deaf], clock })
    await executor.enqueue(deaf)
    await clock.advance(2_000)
    expect(executor.stats()).toMatchObject({
      running: 1,
      totals: { failed: 1 },
      slots: { taken: 1 },
    })
    await clock.advance(60_000)
    expect(executor.stats()).toMatchObject({ running: 0, slots: { taken: 0 } })
    end.open()
    await clock.settle()
    expect(executor.stats()).toMatchObject({ running: 0, slots: { taken: 0 } })
  })

  test('are those of one executor, with others in the same process and store', async () => {
    const backend = memoryBackend()
    const task = defineTask({ name: 't', run: () => {} })
    const one = recorded({ tasks: [task], backend })
    const two = recorded({ tasks: [task], backend })
    await (await one.executor.enqueue(task)).result()
    await two.executor.start()
    expect(one.executor.stats().totals).toEqual({
      ...NOTHING,
      enqueued: 1,
      started: 1,
      succeeded: 1,
    })
    expect(two.executor.stats()).toMatchObject({ totals: NOTHING, tasks: {} })
  })

  test('say that it is not ready while its store does not answer, and count its errors', async () => {
    const clock = manualClock()
    let isAway = false
    const backend = faultyBackend(memoryBackend(), () => (isAway ? 'failBefore' : undefined))
    const task = defineTask({ name: 't', run: () => {} })
    const { executor } = recorded({ tasks: [task], backend, clock })
    await executor.start()
    expect(executor.stats()).toMatchObject({ ready: true, storeErrors: 0 })
    isAway = true
    await clock.advance(6_000)
    const { ready, storeErrors } = executor.stats()
    expect(ready).toBe(false)
    expect(storeErrors).toBeGreaterThan(0)
    isAway = false
    await clock.advance(6_000)
    expect(executor.stats()).toMatchObject({ ready: true })
    const closed = executor.close()
    expect(executor.stats()).toMatchObject({ phase: 'closing', ready: false })
    await clock.advance(60_000)
    await closed
    expect(executor.stats()).toMatchObject({ phase: 'closed', ready: false, running: 0 })
  })

  test('say how long the store takes: claims, writes, and the way of an outcome', async () => {
    const clock = manualClock()
    const inner = memoryBackend()
    const after = async <T>(ms: number, call: () => T | Promise<T>): Promise<T> => {
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))
      return call()
    }
    const backend: Backend = {
      ...inner,
      capabilities: { ...inner.capabilities, durable: 'process', shared: true },
      insert: (records) => after(20, () => inner.insert(records)),
      update: (patches) => after(50, () => inner.update(patches)),
      claim: (owner, query) => after(200, () => inner.claim(owner, query)),
    }
    const task = defineTask({ name: 't', run: () => {} })
    const { executor, only } = recorded({ tasks: [task], backend, clock })
    const enqueued = executor.enqueue(task)
    await clock.advance(3_000)
    await enqueued
    const { latency } = executor.stats()
    expect(latency.settle).toMatchObject({ count: 1, max: 50 })
    expect(latency.persist).toMatchObject({ count: 2, max: 50 })
    expect(latency.claim.max).toBe(200)
    expect(latency.claim.count).toBeGreaterThan(0)
    expect(only('attempt.summary')).toMatchObject([{ persistMs: 20 }])
    await clock.advance(70_000)
    expect(executor.stats().latency.settle).toMatchObject({ count: 0, max: 0 })
  })
})

describe.each(stores)('on $name', ({ create }) => {
  test('stats agree with the events at every moment: retries, cancels, children, timeouts, a shutdown', async () => {
    const random = seededRandom(11)
    const clock = manualClock()
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        clock.setTimeout(resolve, ms)
        signal?.addEventListener('abort', () => reject(signal.reason as Error))
      })
    const leaf = defineTask({
      name: 'leaf',
      queue: 'low',
      run: () => sleep(random.below(300)),
    })
    const flaky = defineTask({
      name: 'flaky',
      retries: 2,
      backoff: { delay: 200, jitter: 'none' },
      async run(_input: unknown, { signal }) {
        await sleep(random.below(200), signal)
        if (random() < 0.5) throw new Error('no')
      },
    })
    const tree = defineTask({
      name: 'tree',
      queue: 'high',
      requeueOnInterrupt: true,
      run: async (_input: unknown, { enqueue }) => (await enqueue(leaf)).result(),
    })
    const late = defineTask({
      name: 'late',
      timeout: 100,
      abandonAfter: '1m',
      run: (_input: unknown, { signal }) => sleep(random.below(200), signal),
    })
    const tasks: readonly Task[] = [leaf, flaky, tree, late]
    const { executor, events } = recorded({
      tasks,
      clock,
      concurrency: 4,
      backend: create()(),
    })
    const ids: string[] = []
    for (let round = 0; round < 60; round++) {
      const pending = Array.from({ length: 3 }, () =>
        executor.enqueue(random.pick(tasks), undefined, { delay: random() < 0.2 ? 500 : 0 }),
      )
      await clock.advance(random.below(120))
      ids.push(...(await Promise.all(pending)).map(({ id }) => id))
      if (random() < 0.3) {
        const cancelling = executor.cancel(random.pick(ids))
        await clock.settle()
        await cancelling
      }
      await clock.settle()
      check(executor.stats(), events)
      expect(executor.stats().slots.taken).toBeLessThanOrEqual(4)
    }
    const closed = executor.close({ grace: 100 })
    await clock.advance(60_000)
    await closed
    const stats = executor.stats()
    check(stats, events)
    expect(stats).toMatchObject({ running: 0, slots: { taken: 0, lent: 0 } })
    expect(stats.totals.retried).toBeGreaterThan(0)
    expect(stats.totals.cancelled).toBeGreaterThan(0)
  })
})
