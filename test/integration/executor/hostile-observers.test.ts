import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createExecutor,
  defineTask,
  RetryAfterError,
  setFallbackLogger,
  taskLog,
  UnrecoverableError,
  type Executor,
} from '../../../src/index.ts'
import type { Observer } from '../../../src/observers/observer.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { contradictions } from '../../support/event-rules.ts'
import { burn } from '../../support/burn.ts'
import { recorder } from '../../support/recorded.ts'

const TASKS = 300

/** Every way a task can go. What it does depends on its input alone. */
const mixed = defineTask({
  name: 'mixed',
  retries: 2,
  backoff: { delay: 1, jitter: 'none' },
  timeout: '30s',
  async run(input: number, context) {
    taskLog.debug('begin', { input })
    context.progress(input, TASKS)
    if (input % 3 === 0) await sleep(0)
    if (input % 5 === 0 && context.attempt === 0) throw new Error(`first ${input}`)
    if (input % 7 === 0) throw new UnrecoverableError(`never ${input}`)
    if (input % 11 === 0 && context.attempt < 2) throw new RetryAfterError(1)
    if (input % 13 === 0) throw null
    if (input % 17 === 0) {
      const child = await context.enqueue(leaf, input, { priority: 10 })
      return { child: await child.result() }
    }
    taskLog.warning('end')
    return { input, tags: context.tags, requestContext: context.requestContext }
  },
})
const leaf = defineTask({ name: 'leaf', run: (input: number) => input * 2 })

/** What 'blocks' still does, and how long it takes. */
const block = { left: 5, ms: 50 }
/** How many events 'vandal' still tries to spoil: a hundred refusals for each take their time. */
const vandalism = { left: Infinity }
const leak: unknown[] = []

/** R12 of research/reliability.md, as far as a process can survive it. */
function hostiles(executor: () => Executor): readonly Observer[] {
  const boom = new Error('hostile')
  const nasty = Object.defineProperties(
    {},
    {
      name: {
        get() {
          throw boom
        },
      },
      message: {
        get() {
          throw boom
        },
      },
      stack: {
        get() {
          throw boom
        },
      },
      then: {
        get() {
          throw boom
        },
      },
    },
  )
  const base = { minLevel: 'debug' } as const
  return [
    {
      ...base,
      name: 'throws',
      onEvent() {
        throw boom
      },
    },
    { ...base, name: 'rejects', onEvent: () => Promise.reject(boom) },
    { ...base, name: 'never settles', onEvent: () => new Promise(() => {}) },
    {
      ...base,
      name: 'blocks',
      onEvent() {
        if (block.left <= 0) return
        block.left -= 1
        burn(block.ms)
      },
    },
    {
      ...base,
      name: 'thenable throws',
      onEvent: () => ({
        then() {
          throw boom
        },
      }),
    },
    {
      ...base,
      name: 'throws null',
      onEvent() {
        throw null
      },
    },
    {
      ...base,
      name: 'throws what cannot be read',
      onEvent() {
        throw nasty
      },
      onLifecycle: () => nasty,
    },
    { ...base, name: 'leaks', onEvent: (event) => void leak.push(event) },
    {
      ...base,
      name: 'vandal',
      onEvent(event) {
        if (vandalism.left-- <= 0) return
        const open = event as unknown as Record<string, unknown>
        for (const key of Object.keys(open)) {
          for (const spoil of [
            () => {
              open[key] = 'spoiled'
            },
            () => {
              delete open[key]
            },
            () => {
              ;(open[key] as Record<string, unknown>)['plan'] = 'spoiled'
            },
            () => {
              ;(open[key] as Record<string, unknown>)['requestId'] = 'spoiled'
            },
          ]) {
            try {
              spoil()
            } catch {
              // frozen, which is the point
            }
          }
        }
        Object.freeze(event)
      },
    },
    {
      ...base,
      name: 're-enters',
      onEvent(event) {
        if (!('taskId' in event) || event.type !== 'task.succeeded' || event.taskName !== 'mixed')
          return
        executor().stats()
        void executor().get(event.taskId)
        void executor()
          .enqueue('no such task')
          .catch(() => {})
        const off = executor().observe({ onEvent() {} })
        void off()
        const end: () => void = executor().events.on('task.failed', () => end())
        executor().events.once('task.enqueued', () => {
          throw boom
        })
      },
    },
    {
      ...base,
      name: 'adds listeners',
      onEvent(event) {
        if (event.type !== 'executor.started') return
        for (let index = 0; index < 10_000; index++)
          executor().events.on('queue.paused', () => {
            throw boom
          })
      },
    },
    {
      ...base,
      name: 'throws at start, flush and close',
      start() {
        throw boom
      },
      onEvent() {},
      flush() {
        throw nasty
      },
      close: () => Promise.reject(boom),
      counts() {
        throw boom
      },
    },
    {
      ...base,
      name: 'hangs at start and close',
      start: () => sleep(20).then(() => new Promise(() => {})),
      onEvent() {},
      close: () => new Promise(() => {}),
    },
    {
      ...base,
      name: 'misbehaves around',
      onEvent() {},
      async wrapEnqueue(_operation, next) {
        void next()
        void next()
        throw boom
      },
      wrapRun: (run, next) => {
        if (run.attempt === 1) throw boom
        void next()
        return {
          then() {
            throw nasty
          },
        } as never
      },
      runInternal(_operation, next) {
        next()
        throw boom
      },
    },
  ]
}

async function digest(withHostiles: boolean) {
  const record = recorder()
  const get = (): Executor => executor
  const executor: Executor = createExecutor({
    tasks: [mixed, leaf],
    concurrency: 7,
    newId: counter(),
    maxQueued: Infinity,
    observers: withHostiles ? [record, ...hostiles(get)] : [record],
  })
  const handles = await executor.enqueueMany(
    Array.from({ length: TASKS }, (_, input) => ({
      task: mixed,
      input,
      options: { tags: { plan: input % 2 === 0 ? 'pro' : 'free' }, id: `task-${input}` },
    })),
  )
  const single: string[] = []
  for (let input = 0; input < 20; input++) {
    const handle = await executor.enqueue(leaf, input, { id: `leaf-${input}` })
    single.push(JSON.stringify(await handle.result()))
  }
  const results = await Promise.all(
    handles.map(async (handle) => {
      const result = await handle.result().catch((error: unknown) => String(error))
      const record = await handle.record()
      const { status, attempt, tags, error, logLines } = record ?? {}
      const children = await handle.children()
      return JSON.stringify({
        result,
        status,
        attempt,
        tags,
        error: error?.message,
        logs: logLines?.map(({ level, message }) => [level, message]),
        children: children.map((child) => child.status),
      })
    }),
  )
  await executor.drain()
  const counts = await executor.counts()
  const { observers } = executor.stats()
  const startedAt = performance.now()
  await executor.close({ grace: 0 })
  return {
    results,
    single,
    counts,
    observers,
    closeMs: performance.now() - startedAt,
    events: record.events,
    after: executor.stats(),
  }
}

function counter(): () => string {
  let last = 0
  return () => `id-${(last += 1)}`
}

/** Those that do not block the loop, for as long as the executor lives. */
const nonBlocking = (executor: () => Executor): readonly Observer[] =>
  hostiles(executor).filter((each) => each.name !== 'blocks')

function executorWith(observers: (executor: () => Executor) => readonly Observer[]): Executor {
  const executor: Executor = createExecutor({
    tasks: [waits, leaf],
    concurrency: 100,
    observers: observers(() => executor),
  })
  onTestFinished(() => executor.close({ grace: 0 }))
  return executor
}

const waits = defineTask({ name: 'waits', run: () => sleep(BODY_MS) })
const BODY_MS = 100
// Slow enough that the hostile ones, who throw and catch hundreds of times per task, do not use up the processor.
const PACE_MS = 10
const MAX_ROUNDS = 20

/** The 99th of a hundred latencies, from enqueue to result, of tasks that come one by one. */
async function p99(executor: Executor): Promise<number> {
  const latencies: number[] = []
  const runs: Promise<void>[] = []
  for (let count = 0; count < 100; count++) {
    const begun = performance.now()
    const run = executor.enqueue(waits).then(async (handle) => {
      await handle.result()
      latencies.push(performance.now() - begun)
    })
    runs.push(run)
    await sleep(PACE_MS)
  }
  await Promise.all(runs)
  return latencies.toSorted((a, b) => a - b)[98] ?? Infinity
}

const collect = (() => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

function heapUsed(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

describe('fourteen hostile observers attached at once', () => {
  test('leave the p99 of tasks within 10 %, the one that blocks the loop aside', async () => {
    setFallbackLogger({ warning() {} })
    onTestFinished(() => setFallbackLogger(null))
    const plain = executorWith(() => [{ onEvent() {} }])
    const hostile = executorWith(nonBlocking)
    await Promise.all([plain.start(), hostile.start()])
    // Whatever else the machine does can only add to a latency: of interleaved rounds the lowest is the truest. More
    // rounds bring both nearer to it, and never hide what a round always has.
    let best = Infinity
    let bestHostile = Infinity
    for (let round = 0; round < MAX_ROUNDS; round++) {
      best = Math.min(best, await p99(plain))
      bestHostile = Math.min(bestHostile, await p99(hostile))
      if (round >= 4 && bestHostile <= best * 1.1) break
    }
    expect(bestHostile / best).toBeLessThanOrEqual(1.1)
    expect(best).toBeGreaterThanOrEqual(BODY_MS - 1)
  }, 120_000)

  test('leave the heap flat over 200,000 events', async () => {
    setFallbackLogger({ warning() {} })
    vandalism.left = 5_000
    onTestFinished(() => {
      setFallbackLogger(null)
      vandalism.left = Infinity
    })
    let seen = 0
    // What a leaking observer keeps is its own.
    const executor = executorWith((get) => [
      ...nonBlocking(get).filter((each) => each.name !== 'leaks'),
      { name: 'counter', minLevel: 'debug', onEvent: () => void seen++ },
    ])
    const runUntil = async (events: number): Promise<void> => {
      while (seen < events) {
        await executor.enqueueMany(
          Array.from({ length: 100 }, (_, input) => ({ task: leaf, input })),
        )
        await executor.drain()
      }
    }
    await runUntil(60_000)
    const before = heapUsed()
    await runUntil(260_000)
    // 25 bytes per event.
    expect(heapUsed() - before).toBeLessThan(5_000_000)
  }, 120_000)

  test('do not hide which of them blocks the loop', async () => {
    setFallbackLogger({ warning() {} })
    onTestFinished(() => setFallbackLogger(null))
    const named: (string | undefined)[][] = []
    const executor = executorWith(hostiles)
    block.left = 0
    await executor.start()
    executor.events.on('executor.loop_blocked', (event) => {
      named.push(event.by.map((each) => each.observer))
    })
    for (let count = 1; count <= 2; count++) {
      block.ms = 600
      block.left = 1
      await (await executor.enqueue(leaf, count)).result()
      await waitFor(() => named.length >= count)
      await sleep(1_050)
    }
    // Who it is takes a closer look, and that begins with the first block.
    expect(named[1]).toEqual(['blocks'])
    expect(named[0]?.filter((name) => name !== 'blocks')).toEqual([])
  })

  test('change no outcome and no count', async () => {
    Object.assign(block, { left: 5, ms: 50 })
    leak.length = 0
    const warnings: string[] = []
    setFallbackLogger({ warning: (line) => void warnings.push(line) })
    onTestFinished(() => setFallbackLogger(null))
    const plain = await digest(false)
    const hostile = await digest(true)

    expect(hostile.results).toEqual(plain.results)
    expect(hostile.single).toEqual(plain.single)
    expect(hostile.counts).toEqual(plain.counts)
    expect(hostile.counts.succeeded).toBeGreaterThan(100)
    expect(hostile.counts.failed).toBeGreaterThan(50)

    for (const run of [plain, hostile]) {
      expect(contradictions(run.events)).toEqual([])
      for (const stats of [...run.observers, ...run.after.observers]) {
        const { delivered, dropped, failed, queued, emitted, name } = stats
        expect([name, delivered + dropped + failed + queued]).toEqual([name, emitted])
      }
    }
    // The recorder saw the same story, reports about the others aside.
    const story = (run: typeof plain) =>
      run.events
        // Progress is told once a second: how often depends on how fast the machine is.
        .filter((event) => 'taskId' in event && event.type !== 'task.progress')
        .map((event) => `${event.taskName} ${event.type} ${event.attempt} ${event.status}`)
        .toSorted()
    expect(story(hostile)).toEqual(story(plain))

    expect(hostile.after.observers).toHaveLength(15)
    const byName = Object.fromEntries(hostile.after.observers.map((stats) => [stats.name, stats]))
    const own = (name: string) =>
      byName[name] ?? { emitted: -1, failed: -1, queued: -1, delivered: -1 }
    for (const name of [
      'throws',
      'rejects',
      'thenable throws',
      'throws null',
      'throws what cannot be read',
    ])
      expect([name, own(name).failed]).toEqual([name, own(name).emitted])
    expect(own('never settles').queued).toBe(own('never settles').emitted)
    expect(own('leaks')).toMatchObject({ delivered: leak.length, emitted: leak.length })
    // Each that failed was told on, at most once a second.
    const reported = new Set(
      hostile.events.flatMap((event) => (event.type === 'observer.error' ? [event.observer] : [])),
    )
    for (const name of [
      'throws',
      'rejects',
      'thenable throws',
      'throws null',
      'throws what cannot be read',
      'throws at start, flush and close',
      'misbehaves around.wrapRun',
      'misbehaves around.wrapEnqueue',
      'misbehaves around.runInternal',
    ])
      expect(reported).toContain(name)
    // What fails at its own end, once the last event is out, goes to the fallback logger.
    expect(warnings.filter((line) => line.includes('"hangs at start and close"'))).toHaveLength(1)
    expect(warnings.length).toBeLessThanOrEqual(14)
    // Hanging at close is bounded.
    expect(hostile.closeMs).toBeLessThan(3_000)
    expect(hostile.events.at(-1)?.type).toBe('executor.closed')
  })
})
