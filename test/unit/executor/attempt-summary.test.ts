import { describe, expect, onTestFinished, test } from 'vitest'
import type { Backend, BeatResult } from '../../../src/backends/backend.ts'
import type { AttemptSummaryEvent } from '../../../src/events/event.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  UnrecoverableError,
  type ExecutorOptions,
  type Task,
} from '../../../src/index.ts'
import { manualClock, type ManualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded, recorder, summariesOf } from '../../support/recorded.ts'
import { stores } from '../../support/stores.ts'

type Told = readonly [attempt: number, outcome: string, reason: string | undefined, status: string]

/** What happens to one task, and what the summaries of its attempts say. */
interface Story {
  readonly what: string
  readonly task: () => Task
  readonly options?: ExecutorOptions
  /** After it was enqueued. */
  readonly then?: (
    it: { cancel(reason: string): Promise<unknown>; close(): Promise<unknown> },
    clock: ManualClock,
  ) => Promise<unknown>
  readonly onMemory: readonly Told[]
  /** Where it differs. */
  readonly onSqlite?: readonly Told[]
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
const deaf = (): Promise<void> => new Promise(() => {})
const soon = { delay: '1s', jitter: 'none' } as const

const stories: readonly Story[] = [
  {
    what: 'succeeds',
    task: () => defineTask({ name: 't', run: () => 1 }),
    onMemory: [[0, 'succeeded', undefined, 'succeeded']],
  },
  {
    what: 'fails and is retried until it succeeds',
    task: () =>
      defineTask({
        name: 't',
        retries: 5,
        backoff: soon,
        run(_input: unknown, { attempt }) {
          if (attempt < 2) throw new Error('again')
        },
      }),
    onMemory: [
      [0, 'failed', 'error', 'retrying'],
      [1, 'failed', 'error', 'retrying'],
      [2, 'succeeded', undefined, 'succeeded'],
    ],
  },
  {
    what: 'fails for good',
    task: () =>
      defineTask({
        name: 't',
        retries: 3,
        run() {
          throw new UnrecoverableError('no')
        },
      }),
    onMemory: [[0, 'failed', 'unrecoverable', 'failed']],
  },
  {
    what: 'runs into its timeout twice, the second time deaf to it',
    task: () =>
      defineTask({
        name: 't',
        retries: 1,
        timeout: '1s',
        abandonAfter: '1s',
        backoff: soon,
        run: (_input: unknown, { attempt, signal }) =>
          attempt === 0 ? untilAborted(signal) : deaf(),
      }),
    onMemory: [
      [0, 'failed', 'timeout', 'retrying'],
      [1, 'failed', 'timeout', 'failed'],
    ],
  },
  {
    what: 'is cancelled while it runs',
    task: () =>
      defineTask({ name: 't', run: (_input: unknown, { signal }) => untilAborted(signal) }),
    then: (it) => it.cancel('not needed'),
    onMemory: [[0, 'cancelled', 'not needed', 'cancelled']],
  },
  {
    what: 'is cancelled while it runs, and does not hear it',
    task: () => defineTask({ name: 't', run: deaf }),
    then: (it) => it.cancel('not needed'),
    onMemory: [[0, 'cancelled', 'not needed', 'cancelled']],
  },
  {
    what: 'is cancelled between two attempts',
    task: () =>
      defineTask({
        name: 't',
        retries: 1,
        backoff: { delay: '1h', jitter: 'none' },
        run() {
          throw new Error('again')
        },
      }),
    then: (it) => it.cancel('crash'),
    onMemory: [[0, 'failed', 'error', 'retrying']],
  },
  {
    what: 'is cut off by a shutdown, and may not run again',
    task: () =>
      defineTask({ name: 't', run: (_input: unknown, { signal }) => untilAborted(signal) }),
    then: (it) => it.close(),
    onMemory: [[0, 'interrupted', 'shutdown', 'interrupted']],
  },
  {
    what: 'is cut off by a shutdown, and may run again',
    task: () => defineTask({ name: 't', requeueOnInterrupt: true, run: deaf }),
    then: (it) => it.close(),
    onMemory: [[0, 'interrupted', 'shutdown', 'interrupted']],
    onSqlite: [[0, 'interrupted', 'shutdown', 'pending']],
  },
  {
    what: 'waits for its retry at a shutdown',
    task: () =>
      defineTask({
        name: 't',
        retries: 1,
        backoff: { delay: '1h', jitter: 'none' },
        run() {
          throw new Error('again')
        },
      }),
    then: (it) => it.close(),
    onMemory: [[0, 'failed', 'error', 'retrying']],
  },
]

const told = (summaries: readonly AttemptSummaryEvent[]): readonly Told[] =>
  summaries.map(({ attempt, outcome, reason, status }) => [attempt, outcome, reason, status])

describe.each(stores)('on $name', ({ name, create }) => {
  test.each(stories)('one summary for each attempt of a task that $what', async (story) => {
    const clock = manualClock()
    const open = create()
    const task = story.task()
    const { executor, events } = recorded({
      tasks: [task],
      clock,
      backend: open(),
      ...story.options,
    })
    const handle = await executor.enqueue(task)
    await clock.advance(50)
    const it = {
      cancel: (reason: string) => executor.cancel(handle.id, { reason }),
      close: () => executor.close({ grace: 0 }),
    }
    const done = story.then?.(it, clock)
    for (let round = 0; round < 20; round++) await clock.advance(500)
    await done
    const expected = name === 'sqlite' ? (story.onSqlite ?? story.onMemory) : story.onMemory
    const summaries = summariesOf(events, handle.id)
    expect(told(summaries)).toEqual(expected)

    // The record says the same, whatever became of the task afterwards.
    const reader = createExecutor({ work: false, backend: open(), clock, observers: [] })
    onTestFinished(() => reader.close())
    const { attempts } = await reader.listAttempts()
    expect(
      attempts.toReversed().map(({ attempt, outcome, reason }) => [attempt, outcome, reason]),
    ).toEqual(expected.map(([attempt, outcome, reason]) => [attempt, outcome, reason]))
    for (const [index, summary] of attempts.toReversed().entries()) {
      const event = summaries[index] as AttemptSummaryEvent
      const { taskId, tags, queue, ...numbers } = summary
      expect([taskId, tags, queue]).toEqual([event.taskId, event.tags, event.queue])
      expect({ ...event }).toMatchObject(JSON.parse(JSON.stringify(numbers)) as object)
    }
  })
})

describe('a summary', () => {
  test('carries all that is known of the attempt, for who asks for it, whatever the level', async () => {
    const clock = manualClock()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const task = defineTask({
      name: 'import',
      label: 'Import',
      queue: 'files',
      tags: { plan: 'pro' },
      async run(_input: { file: string }, { log }) {
        log('one')
        log.warning('two')
        log('three')
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 250))
        return 'é'
      },
    })
    const wanting = recorder('wanting')
    const { executor } = recorded({
      tasks: [task],
      clock,
      id: 'me',
      observers: [{ minLevel: 'error', types: ['attempt.summary'], onEvent: wanting.onEvent! }],
    })
    executor.observe({
      wrapEnqueue(operation, next) {
        operation.carrier['traceparent'] = `00-${traceId}-b7ad6b7169203331-01`
        return next()
      },
    })
    executor.pause()
    const startedAt = clock.now() + 40
    const handle = await executor.enqueue(task, { file: 'ü.csv' })
    await clock.advance(40)
    executor.resume()
    await clock.advance(250)
    const expected = {
      outcome: 'succeeded',
      reason: undefined,
      error: undefined,
      startedAt,
      endedAt: startedAt + 250,
      waitMs: 40,
      runMs: 250,
      persistMs: undefined,
      loopDelayMs: undefined,
      inputBytes: 17,
      resultBytes: 4,
      logCounts: { info: 2, warning: 1 },
      traceId,
      worker: 'me',
    }
    const of = { label: 'Import', queue: 'files', tags: { plan: 'pro' }, attempt: 0 }
    const whose = { taskId: handle.id, taskName: 'import', ...of }
    expect(wanting.events).toHaveLength(1)
    expect(wanting.events[0]).toMatchObject({ ...whose, ...expected, level: 'debug' })
    expect((await executor.listAttempts()).attempts).toEqual([{ ...whose, ...expected }])
    expect((await handle.record())?.attempts).toMatchObject([
      { waitMs: 40, durationMs: 250, logCounts: { info: 2, warning: 1 }, worker: 'me' },
    ])
  })

  test('names an error by its fingerprint, without stack, fields and causes', async () => {
    const task = defineTask({
      name: 't',
      run() {
        throw Object.assign(new TypeError('no', { cause: new Error('why') }), {
          code: 'E_NO',
          a: 1,
        })
      },
    })
    const { executor, only } = recorded({ tasks: [task] })
    const handle = await executor.enqueue(task)
    await executor.drain()
    const fingerprint = (await handle.record())?.error?.fingerprint
    expect(only('attempt.summary')[0]?.error).toEqual({
      name: 'TypeError',
      message: 'no',
      code: 'E_NO',
      fingerprint,
    })
  })

  test('tells how long the event loop stood still while the attempt ran', async () => {
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
    const calm = defineTask({ name: 'calm', run: () => sleep(5) })
    const greedy = defineTask({
      name: 'greedy',
      async run() {
        await sleep(5)
        const until = performance.now() + 400
        while (performance.now() < until);
      },
    })
    const { executor } = recorded({ tasks: [calm, greedy] })
    await (await executor.enqueue(calm)).result()
    await (await executor.enqueue(greedy)).result()
    const [ofGreedy, ofCalm] = (await executor.listAttempts()).attempts
    expect(ofCalm).toMatchObject({ taskName: 'calm', loopDelayMs: undefined })
    expect(ofGreedy?.loopDelayMs).toBeGreaterThan(200)
    expect(ofGreedy?.loopDelayMs).toBeLessThanOrEqual(ofGreedy?.runMs ?? 0)
  })

  test('of an attempt that was cut off elsewhere comes from who settles it, once', async () => {
    const clock = manualClock()
    const inner = memoryBackend()
    let isLost = false
    const backend: Backend = {
      ...inner,
      capabilities: { ...inner.capabilities, durable: 'process' },
      beat(owner): BeatResult | Promise<BeatResult> {
        if (!isLost) return inner.beat(owner)
        isLost = false
        void inner.close(owner)
        return { type: 'lost' }
      },
    }
    const end = gate()
    let runs = 0
    const task = defineTask({
      name: 't',
      requeueOnInterrupt: true,
      async run(_input: unknown, { log }) {
        log('a line')
        runs += 1
        if (runs === 1) await end.promise
      },
    })
    const { executor, events, types } = recorded({ tasks: [task], backend, clock, id: 'me' })
    const handle = await executor.enqueue(task)
    await clock.advance(1_000)
    isLost = true
    await clock.advance(5_000)
    expect(types(handle.id)).toContain('attempt.discarded')
    await clock.advance(30_000)
    end.open()
    await clock.advance(1_000)
    const summaries = summariesOf(events, handle.id)
    expect(told(summaries)).toEqual([
      [0, 'interrupted', 'crash', 'pending'],
      [1, 'succeeded', undefined, 'succeeded'],
    ])
    // What was measured of it was lost with it.
    expect(summaries[0]).toMatchObject({ runMs: undefined, logCounts: {}, worker: 'me' })
    expect(summaries[1]).toMatchObject({ logCounts: { info: 1 } })
  })

  test('is not built for who has not asked', async () => {
    const seqs: number[] = []
    const task = defineTask({ name: 't', run: () => {} })
    const executor = createExecutor({
      tasks: [task],
      observers: [{ minLevel: 'info', onEvent: ({ seq }) => void seqs.push(seq) }],
    })
    onTestFinished(() => executor.close())
    await (await executor.enqueue(task)).result()
    // Started, attempt started, succeeded: every number up to there was given to an event that was wanted.
    expect(seqs).toEqual([1, 2, 3])
  })
})
