import { setTimeout as sleep } from 'node:timers/promises'
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
import { contradictions } from '../../support/event-rules.ts'
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

let blocks = 0
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
        if (blocks++ > 4) return
        const until = performance.now() + 50
        while (performance.now() < until);
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

describe('fourteen hostile observers attached at once', () => {
  test('change no outcome and no count', async () => {
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
        .filter((event) => 'taskId' in event)
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
