/** Tasks of every kind, whose bodies tell a witness that they began and live by a given clock. */

import { defineTask, type Task, type TaskContext } from '../../src/index.ts'
import type { Clock } from '../../src/task/clock.ts'
import type { Witness } from './witness.ts'

export const KINDS = [
  'plain',
  'once',
  'flaky',
  'broken',
  'keyed',
  'late',
  'slow',
  'noisy',
  'parent',
  'long',
] as const
export type Kind = (typeof KINDS)[number]

interface Input {
  /** How many of the first attempts fail. */
  readonly failures: number
}

export type WitnessedTasks = Readonly<Record<Kind | 'child', Task<Input>>>

const WORK_MS = 20

export function witnessedTasks(witness: Witness, clock: Clock): WitnessedTasks {
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clock.clearTimeout(timer)
        reject(signal.reason as Error)
      })
    })
  const make = (
    name: string,
    retries: number,
    work: (context: TaskContext) => Promise<void> = () => sleep(WORK_MS),
    timeout?: number,
  ): Task<Input> =>
    defineTask({
      name,
      retries,
      backoff: { delay: 100, factor: 2, jitter: 'none' },
      ...(timeout === undefined ? {} : { timeout }),
      async run({ failures }: Input, context) {
        witness.began(context.taskId, name, retries)
        await work(context)
        if (context.attempt - context.recoveries < failures) throw new Error('it fails')
        return failures
      },
    })
  const child = make('child', 2)
  return {
    plain: make('plain', 2),
    once: make('once', 0),
    flaky: make('flaky', 3),
    broken: make('broken', 1),
    keyed: make('keyed', 2),
    late: make('late', 1),
    child,
    slow: make('slow', 1, ({ signal }) => sleep(60_000, signal), 200),
    long: make('long', 1, ({ signal }) => sleep(5_000, signal)),
    noisy: make('noisy', 1, async ({ log, progress }) => {
      for (let line = 0; line < 30; line++) log(`line ${line}`)
      progress(1, 3)
      await sleep(WORK_MS)
      log.warning('after')
    }),
    parent: make('parent', 2, async (context) => {
      const idempotencyKey = `child-of-${context.taskId}`
      const handle = await context.enqueue(child, { failures: 0 }, { idempotencyKey })
      witness.accept(handle.id, 'child')
    }),
  }
}
