/** Scheduled tasks, retries, timeouts and retention while the wall clock jumps: all of them go by the time that passes. */

import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import type { Clock } from '../../src/task/clock.ts'
import { seededRandom } from '../support/random.ts'

export interface JumpOptions {
  readonly path: string
  readonly clock: Clock
  /** Sets the wall clock this many seconds off. */
  readonly jump: (offsetSeconds: number) => void
  readonly offsets: readonly number[]
  readonly seed: number
  readonly tasks: number
  /** How late a start may be: the machine's business. */
  readonly lagMs: number
  /** Whether all finished records have to be there at the end: no jump was as long as the retention. */
  readonly keepsRecords: boolean
}

export interface JumpReport {
  readonly jumps: number
  readonly tasks: number
  readonly runs: number
  /** The earliest and the latest start, by what was asked for. */
  readonly earliestMs: number
  readonly latestMs: number
  readonly breaches: readonly string[]
}

export const HOUR_AND_DAY: readonly number[] = [3_600, 0, -3_600, 86_400, -86_400]

/** Offsets to 1970 and past 2038, the end of 32 bits. */
export function farOffsets(): number[] {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return [100_000 - nowSeconds, 0, 2_200_000_000 - nowSeconds, 100_000 - nowSeconds]
}

/** A timer of Node's may fire so much before its time. */
const TICK_MS = 2
const TIMEOUT_MS = 250
const WORK_MS = 120

export async function jumpRun({
  path,
  clock,
  jump,
  offsets,
  seed,
  tasks,
  lagMs,
  keepsRecords,
}: JumpOptions): Promise<JumpReport> {
  const random = seededRandom(seed)
  const breaches: string[] = []
  const runs = new Map<string, number>()
  let earliestMs = Infinity
  let latestMs = -Infinity

  /** Notes a start that was to come at `dueMs` of the time that passes. */
  function started(id: string, dueMs: number): void {
    runs.set(id, (runs.get(id) ?? 0) + 1)
    const offMs = performance.now() - dueMs
    earliestMs = Math.min(earliestMs, offMs)
    latestMs = Math.max(latestMs, offMs)
    if (offMs < -TICK_MS) breaches.push(`${id} started ${Math.round(-offMs)} ms early`)
    if (offMs > lagMs) breaches.push(`${id} started ${Math.round(offMs)} ms late`)
  }

  const delayed = defineTask({
    name: 'delayed',
    run: ({ dueMs }: { readonly dueMs: number }, { taskId }) => started(taskId, dueMs),
  })
  const failedAt = new Map<string, number>()
  const retried = defineTask({
    name: 'retried',
    retries: 1,
    backoff: { delay: 300, jitter: 'none' },
    run(_input: undefined, { taskId, attempt }) {
      const failed = failedAt.get(taskId)
      if (failed !== undefined) started(taskId, failed + 300)
      else runs.set(taskId, 1)
      if (attempt > 0) return
      failedAt.set(taskId, performance.now())
      throw new Error('once more')
    },
  })
  const slow = defineTask({
    name: 'slow',
    timeout: TIMEOUT_MS,
    async run(_input: undefined, { signal }) {
      await sleep(60_000, undefined, { signal })
    },
  })
  const worker = defineTask({ name: 'worker', run: () => sleep(WORK_MS) })
  const backend = sqliteBackend(path)
  const executor = createExecutor({
    tasks: [delayed, retried, slow, worker],
    backend,
    observers: [],
    concurrency: 1_000,
    clock,
  })
  const durations =
    (name: string, expectedMs: number) =>
    (event: { readonly taskName: string; readonly durationMs: number }) => {
      const { taskName, durationMs } = event
      if (taskName !== name) return
      if (durationMs < expectedMs - TICK_MS || durationMs > expectedMs + lagMs)
        breaches.push(`${name} took ${durationMs} ms, not ${expectedMs}`)
    }
  executor.events.on('attempt.failed', durations('slow', TIMEOUT_MS))
  executor.events.on('task.succeeded', durations('worker', WORK_MS))

  // As often as a body may have begun: once, and once more after its failure.
  const expected = new Map<string, number>()
  const enqueueOne = async (): Promise<void> => {
    const luck = random()
    if (luck < 0.5) {
      const delay = 50 + random.below(1_500)
      const dueMs = performance.now() + delay
      expected.set((await executor.enqueue(delayed, { dueMs }, { delay })).id, 1)
    } else if (luck < 0.75) {
      expected.set((await executor.enqueue(retried)).id, 2)
    } else {
      await executor.enqueue(luck < 0.9 ? worker : slow)
    }
  }

  let jumps = 0
  const jumpOn = (): void => {
    jump(offsets[jumps % offsets.length] ?? 0)
    jumps += 1
  }

  await executor.start()
  for (let done = 0; done < tasks;) {
    const here = Math.min(10, tasks - done)
    for (let index = 0; index < here; index++, done++) await enqueueOne()
    jumpOn()
    await sleep(30 + random() * 60)
  }
  // The longest delay, with jumps all the while.
  for (const until = performance.now() + 2_000 + lagMs; performance.now() < until;) {
    const { scheduled, pending, running, retrying } = await executor.counts()
    if (scheduled + pending + running + retrying === 0) break
    jumpOn()
    await sleep(50)
  }
  jump(0)
  const { scheduled, pending, running, retrying, ...ends } = await executor.counts()
  const live = scheduled + pending + running + retrying
  if (live > 0) breaches.push(`${live} tasks have not ended`)
  if (keepsRecords) {
    const ended = Object.values(ends).reduce((sum, count) => sum + count, 0)
    if (ended !== tasks) breaches.push(`${tasks - ended} finished records were removed too early`)
  }
  for (const [id, count] of expected) {
    if (runs.get(id) !== count) breaches.push(`${id} ran ${runs.get(id) ?? 0} times, not ${count}`)
  }
  await executor.close()
  const sum = [...runs.values()].reduce((total, count) => total + count, 0)
  return { jumps, tasks, runs: sum, earliestMs, latestMs, breaches }
}
