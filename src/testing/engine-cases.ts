/**
 * What every engine must do, seen through an executor, as data: loop over {@link engineCases} in any test runner.
 *
 * @example
 * for (const { name, run } of engineCases) {
 *   test(name, () => run({ hasSlots: true, create: (options) => createExecutor({ ...options, engine: myEngine() }) }))
 * }
 */

import assert from 'node:assert/strict'
import type { PlainsightEvent } from '../events/event.ts'
import type { Observer } from '../observers/observer.ts'
import { checkDefinition } from '../task/definition.ts'
import type { EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import type { ExecutionOptions } from '../task/options.ts'
import type { RunFunction, Task } from '../task/run-context.ts'
import type { TaskRecord } from '../task/task-record.ts'
import { waitFor } from './wait-for.ts'

/** What the cases use of an executor; every executor has it. */
export interface EngineExecutor {
  enqueue(task: Task, input?: unknown, options?: EnqueueOptions): Promise<TaskHandle>
  cancel(id: string): Promise<boolean>
  get(id: string): Promise<TaskRecord | undefined>
  stats(): { readonly running: number; readonly queued: number; readonly waiting: number }
  start(): Promise<void>
  pause(): void
  resume(): void
  drain(): Promise<void>
  close(options?: { readonly grace?: number }): Promise<void>
}

export interface EngineExecutorOptions {
  readonly tasks: readonly Task[]
  readonly concurrency: number
  readonly observers: readonly Observer[]
}

export interface EngineSetup {
  /** Whether the engine has slots: one without runs whatever is due, whatever the limits. */
  readonly hasSlots: boolean
  /** Makes an executor on a fresh engine and store. */
  readonly create: (options: EngineExecutorOptions) => EngineExecutor
}

/** One promise that an engine must keep. */
export interface EngineCase {
  readonly name: string
  /** Leave the case out for an engine without slots. */
  readonly slots?: boolean
  /** Rejects with an `AssertionError` when the engine breaks the promise. */
  readonly run: (setup: EngineSetup) => Promise<void>
}

/** The promises. Each case makes its own executor, so they can run in any order. */
export const engineCases: readonly EngineCase[] = [
  engineCase('runs a task: the same events, the same record', async ({ create }) => {
    const double = task('double', (input: number) => input * 2)
    const { executor, story } = create([double])
    const handle = await executor.enqueue(double, 21)
    assert.equal(await handle.result(), 42)
    assert.deepEqual(story(handle.id), [
      'task.enqueued 0 pending',
      'attempt.started 0 running',
      'task.succeeded 0 succeeded',
    ])
    const record = await executor.get(handle.id)
    assert.deepEqual(
      [record?.status, record?.attempt, record?.result, record?.error],
      ['succeeded', 0, 42, undefined],
    )
    assert.deepEqual(executor.stats(), { ...executor.stats(), running: 0, queued: 0, waiting: 0 })
  }),
  engineCase('retries until it succeeds, counting from zero', async ({ create }) => {
    const flaky = task(
      'flaky',
      (_input, { attempt }) => {
        if (attempt < 2) throw new Error(`attempt ${attempt}`)
        return attempt
      },
      { retries: 3, backoff: { delay: 1, jitter: 'none' } },
    )
    const { executor, story } = create([flaky])
    const handle = await executor.enqueue(flaky)
    await executor.drain()
    assert.equal(await handle.result(), 2)
    assert.deepEqual(story(handle.id), [
      'task.enqueued 0 pending',
      'attempt.started 0 running',
      'attempt.failed 0 retrying',
      'task.retrying 0 retrying',
      'attempt.started 1 running',
      'attempt.failed 1 retrying',
      'task.retrying 1 retrying',
      'attempt.started 2 running',
      'task.succeeded 2 succeeded',
    ])
  }),
  engineCase('fails when the retries are used up', async ({ create }) => {
    const fails = task('fails', () => Promise.reject(new Error('no')), {
      retries: 1,
      backoff: { delay: 0, jitter: 'none' },
    })
    const { executor, story } = create([fails])
    const handle = await executor.enqueue(fails)
    await executor.drain()
    assert.deepEqual(story(handle.id).slice(-3), [
      'attempt.started 1 running',
      'attempt.failed 1 failed',
      'task.failed 1 failed',
    ])
    const record = await executor.get(handle.id)
    assert.deepEqual([record?.status, record?.reason, record?.attempt], ['failed', 'error', 1])
  }),
  engineCase(
    'runs what is due later when its time has come, and no earlier',
    async ({ create }) => {
      const note = task('note', () => {})
      const { executor, story } = create([note])
      const handle = await executor.enqueue(note, undefined, { delay: 30 })
      assert.equal(executor.stats().waiting, 1)
      await handle.result()
      assert.deepEqual(story(handle.id), [
        'task.scheduled 0 scheduled',
        'attempt.started 0 running',
        'task.succeeded 0 succeeded',
      ])
      const record = await executor.get(handle.id)
      assert.ok((record?.startedAt ?? 0) >= (record?.dueAt ?? Infinity), 'it ran too early')
    },
  ),
  engineCase('takes out a task that waits for its time', async ({ create }) => {
    const ran: unknown[] = []
    const note = task('note', (input) => void ran.push(input))
    const { executor, story } = create([note])
    const later = await executor.enqueue(note, 1, { delay: 20 })
    assert.equal(await executor.cancel(later.id), true)
    assert.equal(executor.stats().waiting, 0)
    const last = await executor.enqueue(note, 2, { delay: 40 })
    await last.result()
    assert.deepEqual(ran, [2])
    assert.deepEqual(story(later.id), ['task.scheduled 0 scheduled', 'task.cancelled 0 cancelled'])
  }),
  engineCase(
    'starts nothing while paused, and then by priority and insertion',
    async ({ create }) => {
      const ran: unknown[] = []
      const note = task('note', (input) => void ran.push(input))
      const { executor } = create([note], 1)
      await executor.start()
      executor.pause()
      const priorities = [0, 5, -5, 5, 0]
      const handles: TaskHandle[] = []
      for (const [index, priority] of priorities.entries()) {
        handles.push(await executor.enqueue(note, index, { priority }))
      }
      assert.deepEqual(ran, [])
      assert.equal(executor.stats().queued, priorities.length)
      assert.equal(await executor.cancel(handles[4]?.id ?? ''), true)
      executor.resume()
      await executor.drain()
      assert.deepEqual(ran, [1, 3, 0, 2])
    },
  ),
  engineCase('gives up what waits when it is closed, each task once', async ({ create }) => {
    const note = task('note', () => {})
    const { executor, story } = create([note])
    await executor.start()
    executor.pause()
    const due = await executor.enqueue(note)
    const later = await executor.enqueue(note, undefined, { delay: '1h' })
    await executor.close({ grace: 0 })
    for (const { id } of [due, later]) {
      const { length } = story(id).filter((line) => line.startsWith('attempt.started'))
      assert.equal(length, 0)
    }
    assert.deepEqual(executor.stats(), { ...executor.stats(), running: 0, queued: 0, waiting: 0 })
  }),
  engineCase('cancels a running task by its signal', async ({ create, hasSlots }) => {
    let begun = false
    const waits = task('waits', (_input, { signal }) => {
      begun = true
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    })
    const { executor, events, story } = create([waits])
    const enqueued = executor.enqueue(waits)
    if (hasSlots) await enqueued
    await waitFor(() => begun)
    const id = events.flatMap((event) => ('taskId' in event ? [event.taskId] : []))[0] ?? ''
    assert.equal(await executor.cancel(id), true)
    await executor.drain()
    await enqueued
    assert.deepEqual(story(id).slice(1), [
      'attempt.started 0 running',
      'task.cancel_requested 0 running',
      'task.cancelled 0 cancelled',
    ])
  }),
  engineCase(
    'runs as many at once as there are slots, and no more of a task than it allows',
    async ({ create }) => {
      const now = new Map<string, number>()
      const most = new Map<string, number>()
      const body = async (name: string): Promise<void> => {
        now.set(name, (now.get(name) ?? 0) + 1)
        most.set(name, Math.max(most.get(name) ?? 0, now.get(name) ?? 0))
        now.set('all', (now.get('all') ?? 0) + 1)
        most.set('all', Math.max(most.get('all') ?? 0, now.get('all') ?? 0))
        await new Promise((resolve) => {
          setTimeout(resolve, 2)
        })
        now.set(name, (now.get(name) ?? 1) - 1)
        now.set('all', (now.get('all') ?? 1) - 1)
      }
      const free = task('free', () => body('free'))
      const limited = task('limited', () => body('limited'), {}, 2)
      const { executor } = create([free, limited], 4)
      await executor.start()
      // However long a store takes to accept one, all of them are there at once.
      executor.pause()
      for (let round = 0; round < 10; round++) {
        await executor.enqueue(limited)
        await executor.enqueue(free)
      }
      executor.resume()
      await executor.drain()
      assert.deepEqual([most.get('all'), most.get('limited')], [4, 2])
      assert.equal(executor.stats().running, 0)
    },
    true,
  ),
  engineCase(
    'gives queues their turns among equal priorities, each in order of insertion',
    async ({ create }) => {
      const ran: string[] = []
      const note = task('note', (input) => void ran.push(String(input)))
      const { executor } = create([note], 1)
      await executor.start()
      executor.pause()
      for (let n = 0; n < 20; n++) await executor.enqueue(note, `bulk ${n}`, { queue: 'bulk' })
      for (let n = 0; n < 5; n++) await executor.enqueue(note, `mail ${n}`, { queue: 'mail' })
      await executor.enqueue(note, 'urgent', { queue: 'mail', priority: 1 })
      executor.resume()
      await executor.drain()
      assert.equal(ran[0], 'urgent')
      const of = (queue: string): string[] => ran.filter((text) => text.startsWith(queue))
      assert.deepEqual(
        of('bulk'),
        Array.from({ length: 20 }, (_, n) => `bulk ${n}`),
      )
      assert.deepEqual(
        of('mail'),
        Array.from({ length: 5 }, (_, n) => `mail ${n}`),
      )
      assert.ok(ran.indexOf('mail 4') <= 12, `the other queue was starved: ${ran.join(', ')}`)
    },
    true,
  ),
  engineCase(
    'gives a slot back when the body is over, not when the attempt is',
    async ({ create }) => {
      let end: (() => void) | undefined
      const stuck = task(
        'stuck',
        () =>
          new Promise<void>((resolve) => {
            end = resolve
          }),
        { timeout: 5 },
      )
      const note = task('note', () => 'ran')
      const { executor } = create([stuck, note], 1)
      const first = await executor.enqueue(stuck)
      const second = await executor.enqueue(note)
      await assert.rejects(first.result(), { code: 'TASK_FAILED' })
      assert.equal((await executor.get(second.id))?.status, 'pending')
      assert.equal(executor.stats().running, 1)
      end?.()
      assert.equal(await second.result(), 'ran')
      assert.equal(executor.stats().running, 0)
    },
    true,
  ),
]

interface Created {
  readonly executor: EngineExecutor
  readonly events: readonly PlainsightEvent[]
  /** The events of one task, as `type attempt status`. */
  story(taskId: string): readonly string[]
}

interface CaseTools {
  readonly hasSlots: boolean
  create(tasks: readonly Task[], concurrency?: number): Created
}

function engineCase(
  name: string,
  check: (tools: CaseTools) => Promise<void>,
  slots = false,
): EngineCase {
  return {
    name,
    ...(slots ? { slots } : undefined),
    async run(setup) {
      const made: EngineExecutor[] = []
      const create = (tasks: readonly Task[], concurrency = 10): Created => {
        const events: PlainsightEvent[] = []
        const recorder: Observer = {
          name: 'recorder',
          minLevel: 'debug',
          onEvent: (event) => void events.push(event),
        }
        const executor = setup.create({ tasks, concurrency, observers: [recorder] })
        made.push(executor)
        const story = (taskId: string): readonly string[] =>
          events.flatMap((event) =>
            'taskId' in event && event.taskId === taskId
              ? [`${event.type} ${event.attempt} ${event.status}`]
              : [],
          )
        return { executor, events, story }
      }
      try {
        await check({ hasSlots: setup.hasSlots, create })
      } finally {
        for (const executor of made) await executor.close({ grace: 0 })
      }
    },
  }
}

// As defineTask does, which this folder may not import.
function task(
  name: string,
  run: RunFunction<number, unknown>,
  options: ExecutionOptions = {},
  concurrency?: number,
): Task {
  const checked = checkDefinition({ ...options, name, run, concurrency })
  return { ...checked, run: () => assert.fail('the cases enqueue') }
}
