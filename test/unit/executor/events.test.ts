import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  setFallbackLogger,
  taskLog,
} from '../../../src/index.ts'
import { EVENT_LEVELS, type EventType, type PlainsightEvent } from '../../../src/events/event.ts'
import { faultyBackend, manualClock, sampleEvents, waitFor } from '../../../src/testing.ts'
import { burn } from '../../support/burn.ts'
import { contradictions } from '../../support/event-rules.ts'
import { eventsOf, gate, recorded, recorder } from '../../support/recorded.ts'

const START = Date.UTC(2026, 0, 1)

describe('the events of a task', () => {
  test('that succeeds', async () => {
    const clock = manualClock(START)
    const task = defineTask({
      name: 'task',
      label: 'A task',
      queue: 'mail',
      tags: { plan: 'pro' },
      async run(_input: unknown, { log, progress }) {
        log('hello', { a: 1 })
        progress(1, 2)
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_500))
        return 'é'
      },
    })
    const { executor, events } = recorded({ tasks: [task], clock, id: 'me' }, { complete: true })
    const handle = await executor.enqueue(task, undefined, { priority: 3 })
    await clock.advance(1_500)
    const common = {
      executorId: 'me',
      taskId: handle.id,
      taskName: 'task',
      label: 'A task',
      attempt: 0,
      retriesUsed: 0,
      tags: { plan: 'pro' },
      queue: 'mail',
      rootId: handle.id,
    }
    const running = { ...common, time: START, status: 'running' }
    expect(JSON.parse(JSON.stringify(eventsOf(events, handle.id)))).toEqual([
      {
        ...common,
        type: 'task.enqueued',
        level: 'debug',
        time: START,
        seq: 2,
        status: 'pending',
        runAt: START,
        priority: 3,
        source: 'api',
      },
      { ...running, type: 'attempt.started', level: 'info', seq: 3, waitMs: 0, maxAttempts: 1 },
      { ...running, type: 'task.log', level: 'info', seq: 4, message: 'hello', extra: { a: 1 } },
      { ...running, type: 'task.progress', level: 'debug', seq: 5, done: 1, total: 2 },
      {
        ...common,
        type: 'task.succeeded',
        level: 'info',
        time: START + 1_500,
        // Its summary was the sixth.
        seq: 7,
        status: 'succeeded',
        durationMs: 1_500,
        totalMs: 1_500,
        resultBytes: 4,
      },
    ])
  })

  test('that waits, is retried and fails', async () => {
    const clock = manualClock(START)
    const end = gate()
    const hold = defineTask({ name: 'hold', run: () => end.promise })
    const fails = defineTask({
      name: 'fails',
      retries: 1,
      backoff: { delay: '2s', jitter: 'none' },
      run: () => Promise.reject(new TypeError('no')),
    })
    const { executor, events } = recorded(
      { tasks: [hold, fails], clock, concurrency: 1 },
      { complete: true },
    )
    await executor.enqueue(hold)
    const handle = await executor.enqueue(fails)
    await clock.advance(5_000)
    end.open()
    await clock.advance(2_000)
    const seen = eventsOf(events, handle.id)
    expect(seen).toMatchObject([
      { type: 'task.enqueued', status: 'pending' },
      { type: 'attempt.started', waitMs: 5_000, attempt: 0, retriesUsed: 0, maxAttempts: 2 },
      {
        type: 'attempt.failed',
        level: 'warning',
        status: 'retrying',
        reason: 'error',
        retryAt: START + 7_000,
        error: { name: 'TypeError', message: 'no' },
        maxAttempts: 2,
      },
      { type: 'task.retrying', level: 'debug', retryAt: START + 7_000, delayMs: 2_000 },
      { type: 'attempt.started', waitMs: 0, attempt: 1, retriesUsed: 1 },
      { type: 'attempt.failed', level: 'debug', status: 'failed', retryAt: undefined },
      {
        type: 'task.failed',
        level: 'error',
        reason: 'error',
        totalMs: 7_000,
        attempt: 1,
        retriesUsed: 1,
      },
    ])
    expect(seen).toHaveLength(7)
  })

  test('that is expected to fail: info, and no stack, anywhere', async () => {
    class Declined extends Error {}
    const task = defineTask({
      name: 'task',
      throws: [Declined],
      run: () => Promise.reject(new Declined('card')),
    })
    const { executor, only } = recorded({ tasks: [task] }, { complete: true })
    await executor.enqueue(task)
    await executor.drain()
    expect(only('task.failed')).toMatchObject([
      { level: 'info', expected: true, error: { message: 'card' } },
    ])
    expect(only('task.failed')[0]?.error.stack).toBeUndefined()
    expect(only('attempt.failed')[0]?.error.stack).toBeUndefined()
  })

  test('whose result cannot be stored: it has succeeded, and says why there is none', async () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const task = defineTask({ name: 'task', run: () => circle })
    const { executor, only } = recorded({ tasks: [task] }, { complete: true })
    await executor.enqueue(task)
    await executor.drain()
    expect(only('task.succeeded')[0]).toMatchObject({
      resultBytes: 0,
      resultError: { name: expect.any(String) },
    })
  })

  test('that is scheduled, deduplicated, retried by hand, and a child', async () => {
    const clock = manualClock(START)
    const child = defineTask({ name: 'child', run: () => {} })
    const parent = defineTask({
      name: 'parent',
      run: async (_input: unknown, context) => (await context.enqueue(child)).id,
    })
    const fails = defineTask({ name: 'fails', run: () => Promise.reject(new Error('no')) })
    const { executor, only, events } = recorded({ tasks: [child, parent, fails], clock })
    const later = await executor.enqueue(child, undefined, { delay: '1h', idempotencyKey: 'k' })
    await executor.enqueue(child, undefined, { idempotencyKey: 'k' })
    expect(only('task.scheduled')).toMatchObject([
      { taskId: later.id, status: 'scheduled', runAt: START + 3_600_000 },
    ])
    expect(only('task.deduplicated')).toMatchObject([
      { taskId: later.id, idempotencyKey: 'k', status: 'scheduled' },
    ])
    const up = await executor.enqueue(parent)
    const id = await up.result()
    expect(eventsOf(events, id)[0]).toMatchObject({ parentId: up.id, rootId: up.id })
    const failed = await executor.enqueue(fails)
    await clock.settle()
    const again = await executor.retry(failed.id)
    expect(eventsOf(events, again.id)[0]).toMatchObject({
      source: 'retry',
      retryOf: failed.id,
      attempt: 0,
    })
  })

  test('say how far it is at most once a second, besides that it is done', async () => {
    const clock = manualClock(START)
    const task = defineTask({
      name: 'task',
      async run(_input: unknown, { progress }) {
        for (let round = 0; round < 50; round++) {
          progress(round, 50)
          await new Promise<void>((resolve) => void clock.setTimeout(resolve, 100))
        }
        for (let round = 0; round < 1_000; round++) progress(50, 50)
      },
    })
    const { executor, only } = recorded({ tasks: [task], clock }, { complete: true })
    const handle = await executor.enqueue(task)
    await clock.advance(5_000)
    expect((await handle.record())?.progress).toEqual({ done: 50, total: 50 })
    expect(only('task.progress').map(({ done }) => done)).toEqual([0, 10, 20, 30, 40, 50])
  })

  test('come after the record says so', async () => {
    const told: [EventType, string | undefined, string | undefined][] = []
    const backend = memoryBackend()
    const clock = manualClock(START)
    const task = defineTask({
      name: 'task',
      retries: 1,
      backoff: { delay: 1, jitter: 'none' },
      run(_input: unknown, { attempt }) {
        if (attempt === 0) throw new Error('again')
      },
    })
    const { executor } = recorded({
      tasks: [task],
      clock,
      backend: faultyBackend(backend, () => undefined),
      observers: [
        {
          minLevel: 'debug',
          onLifecycle(event) {
            if (!('taskId' in event)) return
            // The memory backend answers at once, so this is what a crash now would leave.
            const stored = backend.get(event.taskId) as { state: { status: string } } | undefined
            told.push([event.type, event.status, stored?.state.status])
          },
        },
      ],
    })
    await executor.start()
    await executor.enqueue(task)
    await clock.advance(10)
    expect(told.map(([type, says]) => `${type} ${says}`)).toEqual([
      'task.enqueued pending',
      'attempt.started running',
      'attempt.failed retrying',
      'task.retrying retrying',
      'attempt.started running',
      'task.succeeded succeeded',
    ])
    const contradicting = told.filter(
      ([type, says, is]) => says !== is && type !== 'task.enqueued' && type !== 'attempt.started',
    )
    expect(contradicting).toEqual([])
  })

  test('carry the fields that are bound at that moment', async () => {
    const { bindContext } = await import('../../../src/index.ts')
    const task = defineTask({
      name: 'task',
      run() {
        taskLog('before')
        bindContext({ orderId: 7 })
        taskLog('after')
      },
    })
    const { executor, events } = recorded({ tasks: [task] }, { complete: true })
    const handle = await executor.enqueue(task)
    await handle.result()
    expect(eventsOf(events, handle.id).map(({ type, context }) => [type, context])).toEqual([
      ['task.enqueued', undefined],
      ['attempt.started', undefined],
      ['task.log', undefined],
      ['task.log', { orderId: 7 }],
      ['task.succeeded', { orderId: 7 }],
    ])
  })
})

describe('the events of an executor', () => {
  test('begin with its start, end with its end, and say what is where', async () => {
    const clock = manualClock(START)
    const { executor, events } = recorded({ clock, id: 'me' })
    await executor.start()
    const closed = executor.close()
    await clock.advance(100)
    await closed
    expect(events).toEqual([
      {
        type: 'executor.started',
        level: 'info',
        time: START,
        seq: 1,
        executorId: 'me',
        backend: 'memory',
        engine: 'local',
        recovered: { claimed: 0, requeued: 0, interrupted: 0, failed: 0 },
      },
      {
        type: 'executor.closed',
        level: 'info',
        time: START,
        seq: 2,
        executorId: 'me',
        durationMs: 0,
        left: {},
      },
    ])
  })

  test('tell of tasks that nobody here knows, once per number', async () => {
    const clock = manualClock(START)
    const backend = memoryBackend()
    const known = defineTask({ name: 'known', run: () => {} })
    const enqueuer = recorded({ work: false, backend, clock, tasks: [known] })
    await enqueuer.executor.enqueue('stranger', 1)
    const worker = recorded({ backend, clock, tasks: [known] })
    await worker.executor.start()
    await clock.advance(120_000)
    expect(worker.only('executor.unknown_task')).toMatchObject([
      { name: 'stranger', count: 1, level: 'warning' },
    ])
    await enqueuer.executor.enqueue('stranger', 2)
    await clock.advance(60_000)
    expect(worker.only('executor.unknown_task').map(({ count }) => count)).toEqual([1, 2])
  })

  test('tell of a store that fails at most once a second, with the number', async () => {
    const clock = manualClock(START)
    let failing = false
    const backend = faultyBackend(memoryBackend(), ({ method }) =>
      failing && method === 'update' ? 'failBefore' : undefined,
    )
    const task = defineTask({ name: 'task', run: () => 1 })
    const { executor, only } = recorded({ tasks: [task], clock, backend })
    await executor.start()
    failing = true
    for (let round = 0; round < 5; round++) await executor.enqueue(task)
    await clock.advance(3_000)
    failing = false
    await clock.advance(5_000)
    const reports = only('backend.error')
    expect(reports[0]).toMatchObject({
      operation: 'update',
      code: 'io',
      count: 1,
      level: 'warning',
    })
    expect(reports.length).toBeGreaterThan(1)
    expect(reports.length).toBeLessThanOrEqual(5)
    for (const [index, { time }] of reports.entries())
      if (index > 0) expect(time - (reports[index - 1]?.time ?? 0)).toBeGreaterThanOrEqual(1_000)
    expect(only('task.succeeded')).toHaveLength(5)
  })
})

describe('every event', () => {
  test('of the union is emitted by something, in one story without a contradiction', async () => {
    const clock = manualClock(START)
    let failUpdates = false
    const inner = memoryBackend()
    const backend = faultyBackend(
      { ...inner, capabilities: { ...inner.capabilities, durable: 'process' } },
      ({ method }) => (failUpdates && method === 'append' ? 'failBefore' : undefined),
    )
    let dropped = 0
    const end = gate()
    const chatty = defineTask({
      name: 'chatty',
      onSuccess: () => Promise.reject(new Error('hook')),
      run(_input: unknown, { progress }) {
        taskLog('hello')
        progress(1)
      },
    })
    const fails = defineTask({
      name: 'fails',
      retries: 1,
      backoff: { delay: 1, jitter: 'none' },
      run: () => Promise.reject(new Error('no')),
    })
    const slow = defineTask({ name: 'slow', timeout: 10, run: () => end.promise })
    const deaf = defineTask({ name: 'deaf', run: () => new Promise(() => {}) })
    const heavy = defineTask({ name: 'heavy', run: () => burn(300) })
    setFallbackLogger({ warning() {} })
    onTestFinished(() => setFallbackLogger(null))
    const { executor, events } = recorded({
      tasks: [chatty, fails, slow, deaf, heavy],
      clock,
      backend,
      observers: [
        {
          name: 'full',
          minLevel: 'debug',
          onEvent: () => void (dropped += 1),
          counts: () => ({ delivered: 0, dropped, failed: 0, queued: 0 }),
        },
        {
          name: 'bad',
          onEvent() {
            throw new Error('x')
          },
        },
      ],
    })
    await recorded({ work: false, backend, clock }).executor.enqueue('stranger')
    await executor.enqueue(chatty, undefined, { idempotencyKey: 'k' })
    failUpdates = true
    await executor.enqueue(chatty, undefined, { idempotencyKey: 'k' })
    await executor.enqueue(chatty)
    await executor.enqueue(fails)
    await executor.enqueue(slow)
    await executor.enqueue(chatty, undefined, { delay: 60_000, expires: 50 })
    const cancelled = await executor.enqueue(deaf)
    await clock.advance(1_000)
    failUpdates = false
    end.open()
    executor.pause()
    executor.resume()
    await cancelled.cancel()
    await clock.advance(5_000)
    await executor.enqueue(deaf)
    await executor.enqueue(deaf, undefined, { requeueOnInterrupt: true })
    await executor.enqueue(heavy)
    await clock.settle()
    await waitFor(() => events.some(({ type }) => type === 'executor.loop_blocked'))
    const closed = executor.close({ grace: 10 })
    await clock.advance(40_000)
    await closed
    const told = new Set<string>(events.map(({ type }) => type))
    const missing = Object.keys(EVENT_LEVELS).filter((type) => !told.has(type))
    expect(missing).toEqual([])
  })

  test('has a sample in plainsight/testing with the level it can have', () => {
    const samples = sampleEvents()
    expect(samples.map(({ type }) => type).toSorted()).toEqual(Object.keys(EVENT_LEVELS).toSorted())
  })

  test('of ten thousand tasks at random is consistent', { timeout: 20_000 }, async () => {
    let seed = 1
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    }
    const task = defineTask({
      name: 'random',
      retries: 2,
      timeout: 20,
      backoff: { delay: 1, jitter: 'none' },
      async run(input: number, { signal, progress }) {
        taskLog.debug(`run ${input}`)
        progress(1)
        if (input < 0.2) throw new Error('no')
        if (input < 0.21) await sleep(40)
        else if (input < 0.5) await sleep(1, undefined, { signal })
        return input
      },
    })
    const { executor, events } = recorded(
      { tasks: [task], concurrency: 50, maxQueued: Infinity, retention: { maxCount: Infinity } },
      { complete: true },
    )
    const handles = await executor.enqueueMany(
      Array.from({ length: 10_000 }, () => ({
        task,
        input: random(),
        options: {
          priority: Math.floor(random() * 5),
          ...(random() < 0.1 ? { delay: Math.floor(random() * 30) } : {}),
          ...(random() < 0.05 ? { expires: 5 } : {}),
        },
      })),
    )
    for (const handle of handles) if (random() < 0.02) void handle.cancel()
    await executor.drain()
    const counts = await executor.counts()
    expect(counts.succeeded + counts.failed + counts.cancelled + counts.expired).toBe(10_000)
    const ends = events.filter(({ type }) =>
      /^task\.(succeeded|failed|cancelled|interrupted|expired)$/.test(type),
    )
    expect(ends).toHaveLength(10_000)
  })
})

describe('the checker of these tests', () => {
  const story = async (): Promise<PlainsightEvent[]> => {
    const record = { ...recorder(), types: ['attempt.summary'] as const }
    const task = defineTask({
      name: 'task',
      retries: 1,
      backoff: { delay: 0, jitter: 'none' },
      run(_input: unknown, { attempt }) {
        if (attempt === 0) throw new Error('again')
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [record] })
    await (await executor.enqueue(task)).result()
    await executor.close()
    return record.events
  }
  const frozen = (event: PlainsightEvent | undefined, changes: object): PlainsightEvent =>
    Object.freeze({ ...event, ...changes }) as PlainsightEvent

  test('has nothing against a true story', async () => {
    expect(contradictions(await story())).toEqual([])
  })

  test.each<readonly [string, (events: PlainsightEvent[]) => PlainsightEvent[]]>([
    ['an event that is missing', (events) => events.filter(({ type }) => type !== 'task.retrying')],
    [
      'a start that is missing',
      (events) => events.filter(({ type, seq }) => type !== 'attempt.started' || seq > 4),
    ],
    [
      'an acceptance that is missing',
      (events) => events.filter(({ type }) => type !== 'task.enqueued'),
    ],
    ['an end that is missing', (events) => events.filter(({ type }) => type !== 'task.succeeded')],
    ['an end that comes twice', (events) => [...events.slice(0, -1), ...events.slice(-2)]],
    [
      'a summary that is missing',
      (events) => events.filter(({ type, seq }) => type !== 'attempt.summary' || seq > 6),
    ],
    [
      'a summary that says something else',
      (events) =>
        events.map((event) =>
          event.type === 'attempt.summary' ? frozen(event, { outcome: 'cancelled' }) : event,
        ),
    ],
    [
      'a summary without its outcome',
      (events) => events.filter(({ type }) => type !== 'attempt.failed'),
    ],
    ['a wrong order', (events) => [...events.slice(0, 3), ...events.slice(3).toReversed()]],
    [
      'a wrong level',
      (events) =>
        events.map((event) =>
          event.type === 'task.succeeded' ? frozen(event, { level: 'debug' }) : event,
        ),
    ],
    [
      'a wrong status',
      (events) =>
        events.map((event) =>
          event.type === 'task.succeeded' ? frozen(event, { status: 'running' }) : event,
        ),
    ],
    [
      'a wrong attempt',
      (events) =>
        events.map((event) =>
          event.type === 'task.succeeded' ? frozen(event, { attempt: 0 }) : event,
        ),
    ],
    [
      'an event that can be changed',
      (events) => events.map((event) => (event.type === 'task.succeeded' ? { ...event } : event)),
    ],
    ['an event after the last', (events) => [...events, frozen(events[0], { seq: 1_000 })]],
  ])('finds %s', async (_what, spoil) => {
    expect(contradictions(spoil(await story()))).not.toEqual([])
  })
})
