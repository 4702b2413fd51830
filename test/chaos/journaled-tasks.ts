/** Tasks of every kind, whose bodies write to a journal when they begin and when they are over. */

import { setImmediate as turn } from 'node:timers/promises'
import { defineTask, type Task, type TaskContext } from '../../src/index.ts'
import type { Clock } from '../../src/task/clock.ts'
import { sleepOn } from '../support/fast-clock.ts'
import type { Random } from '../support/random.ts'
import type { Journal } from './journal.ts'

export interface Input {
  readonly workMs: number
  /** How many of the first attempts fail, cut-off ones not counted. */
  readonly failures?: number
}

export const JOURNALED_KINDS = [
  'once',
  'brokenOnce',
  'retried',
  'flaky',
  'broken',
  'keyed',
  'late',
  'cancelled',
  'slow',
  'noisy',
  'parent',
] as const
export type JournaledKind = (typeof JOURNALED_KINDS)[number]
/** `long` runs until it is cancelled, from elsewhere. */
export type JournaledTasks = Readonly<Record<JournaledKind | 'child' | 'long', Task<Input, number>>>

const LONG_MS = 600_000

export function journaledTasks(journal: Journal, clock: Clock): JournaledTasks {
  /** Journals the beginning and the end of a body; fails the way the input says. */
  function body(work: (input: Input, context: TaskContext) => Promise<void>) {
    return async (given: Input, context: TaskContext): Promise<number> => {
      const { taskId, attempt, recoveries } = context
      journal.write('R', taskId, attempt)
      try {
        await work(given, context)
        if (attempt - recoveries < (given.failures ?? 0))
          throw new Error(`attempt ${attempt} fails`)
      } catch (error) {
        journal.write('E', taskId, attempt, 'fail')
        throw error
      }
      journal.write('E', taskId, attempt, 'ok')
      return given.workMs
    }
  }

  async function work({ workMs }: Input): Promise<void> {
    if (workMs >= 1) await sleepOn(clock, workMs)
    else if (workMs > 0) await turn()
  }

  const retrying = { retries: 3, backoff: { delay: 1, factor: 2, jitter: 'none' } } as const
  const child = defineTask({ name: 'child', ...retrying, run: body(work) })
  return {
    once: defineTask({ name: 'once', run: body(work) }),
    brokenOnce: defineTask({ name: 'brokenOnce', run: body(work) }),
    retried: defineTask({ name: 'retried', ...retrying, run: body(work) }),
    flaky: defineTask({ name: 'flaky', ...retrying, run: body(work) }),
    broken: defineTask({ name: 'broken', ...retrying, retries: 1, run: body(work) }),
    keyed: defineTask({ name: 'keyed', ...retrying, run: body(work) }),
    late: defineTask({ name: 'late', ...retrying, run: body(work) }),
    cancelled: defineTask({ name: 'cancelled', ...retrying, run: body(work) }),
    slow: defineTask({
      name: 'slow',
      ...retrying,
      retries: 1,
      timeout: 4,
      run: body((_given, { signal }) => sleepOn(clock, 5_000, signal)),
    }),
    long: defineTask({
      name: 'long',
      ...retrying,
      run: body((_given, { signal }) => sleepOn(clock, LONG_MS, signal)),
    }),
    noisy: defineTask({
      name: 'noisy',
      ...retrying,
      run: body(async (given, { log, progress }) => {
        for (let line = 0; line < 5; line++) log(`line ${line}`, { line })
        progress(1, 2)
        await work(given)
        log.warning('after')
      }),
    }),
    child,
    parent: defineTask({
      name: 'parent',
      ...retrying,
      run: body(async (given, context) => {
        const idempotencyKey = `child-of-${context.taskId}`
        const handle = await context.enqueue(child, given, { idempotencyKey })
        journal.write('A', handle.id, 'child', idempotencyKey)
        await work(given)
      }),
    }),
  }
}

/** An input of that kind. */
export function inputOf(kind: JournaledKind, random: Random): Input {
  // The same under every key.
  if (kind === 'keyed') return { workMs: 1 }
  const workMs = random.pick([0, 0, 0.5, 1, 3])
  if (kind === 'flaky') return { workMs, failures: 1 + random.below(2) }
  if (kind === 'broken' || kind === 'brokenOnce') return { workMs, failures: 99 }
  return { workMs }
}
