/**
 * The process that runs tasks by the million, in memory: `node --expose-gc soak-child.ts KIND COUNT PLANTED`. At each of
 * so many points it collects garbage and looks at what is held; it says the samples as JSON.
 */

import { writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { createExecutor, defineTask, type Executor, type Task } from '../../src/index.ts'
import type { HeapSample } from './heap-slope.ts'

export interface Sample extends HeapSample {
  readonly rss: number
}

export interface SoakReport {
  readonly samples: readonly Sample[]
  /** Tasks by how they ended, so that the soak did what it says. */
  readonly ends: Readonly<Record<string, number>>
}

const POINTS = 10
const BATCH = 500
const LINES_PER_TASK = 100
/** At each point, unless there is little to run. */
const MAX_LOOKS = 10

const [kind = 'empty', given = '1000', planted = '0'] = process.argv.slice(2)
const count = Number(given)
const collect = (): void => {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('run it with --expose-gc')
  gc()
}

/** One object in so many is kept, to see that it is seen. */
const keepsEvery = Number(planted)
const kept: object[] = []
let runs = 0

function leak(taskId: string): void {
  runs += 1
  if (keepsEvery > 0 && runs % keepsEvery === 0) kept.push({ taskId, run: runs })
}

const wait = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })

const tasks: Readonly<Record<string, Task>> = {
  empty: defineTask({ name: 'empty', run: (_input: unknown, { taskId }) => leak(taskId) }) as Task,
  failing: defineTask({
    name: 'failing',
    retries: 1,
    backoff: { delay: 0, jitter: 'none' },
    run(_input: unknown, { taskId }) {
      leak(taskId)
      throw new Error('it fails', { cause: new Error(`because of ${taskId}`) })
    },
  }) as Task,
  cancelled: defineTask({
    name: 'cancelled',
    run(_input: unknown, { taskId, signal }) {
      leak(taskId)
      return wait(signal)
    },
  }) as Task,
  'timed out': defineTask({
    name: 'timed-out',
    timeout: 1,
    run(_input: unknown, { taskId, signal }) {
      leak(taskId)
      return wait(signal)
    },
  }) as Task,
  // Adds to the signals that it is given, and takes nothing back.
  listening: defineTask({
    name: 'listening',
    timeout: '1m',
    run(_input: unknown, { taskId, signal }) {
      leak(taskId)
      signal.addEventListener('abort', () => {})
      AbortSignal.any([signal]).addEventListener('abort', () => {})
    },
  }) as Task,
  logging: defineTask({
    name: 'logging',
    run(_input: unknown, { taskId, log }) {
      leak(taskId)
      for (let line = 0; line < LINES_PER_TASK; line++) log('a line of a task', { line })
    },
  }) as Task,
}

const ends: Record<string, number> = {}
const executor: Executor = createExecutor({
  tasks: Object.values(tasks),
  observers: [
    {
      name: 'counter',
      minLevel: 'error',
      types: ['task.succeeded', 'task.failed', 'task.cancelled'],
      onLifecycle({ type }) {
        ends[type] = (ends[type] ?? 0) + 1
      },
    },
  ],
  concurrency: 100,
})
await executor.start()

async function batch(): Promise<void> {
  const task = tasks[kind]
  if (task === undefined) throw new Error(`no kind "${kind}"`)
  const handles = await executor.enqueueMany(Array.from({ length: BATCH }, () => ({ task })))
  if (kind === 'cancelled') await Promise.all(handles.map((each) => each.cancel()))
  // Half of the results are waited for, as an application does.
  if (kind !== 'empty') {
    await Promise.all(handles.slice(0, BATCH / 2).map((each) => each.result().catch(() => {})))
  }
  await executor.drain()
  await turn()
}

async function look(): Promise<{ readonly bytes: number; readonly rss: number }> {
  await turn()
  collect()
  await turn()
  collect()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  return { bytes: heapUsed + external + arrayBuffers, rss }
}

const perBatch = kind === 'logging' ? BATCH * LINES_PER_TASK : BATCH
const looksPerPoint = Math.max(1, Math.min(MAX_LOOKS, Math.floor(count / POINTS / perBatch / 4)))
const samples: Sample[] = []
let done = 0
for (let point = 1; point <= POINTS; point++) {
  while (done < (count / POINTS) * point) {
    await batch()
    done += perBatch
  }
  // Records that are due for removal make a wave: what counts is its trough.
  const looks = [await look()]
  for (let each = 1; each < looksPerPoint; each++) {
    await batch()
    done += perBatch
    looks.push(await look())
  }
  const bytes = Math.min(...looks.map((each) => each.bytes))
  samples.push({ done, bytes, rss: Math.max(...looks.map((each) => each.rss)) })
}
await executor.close()
const report: SoakReport = { samples, ends }
writeSync(1, `${JSON.stringify(report)}\n`)
