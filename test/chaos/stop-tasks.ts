/** Tasks for a process that is stopped: `inHand` of the next one makes them end at once. */

import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask, type Task } from '../../src/index.ts'

export interface StopTasks {
  /** Runs until its signal aborts. */
  readonly obedient: Task<undefined>
  /** Runs on. */
  readonly stubborn: Task<undefined>
  readonly failing: Task<{ readonly afterMs: number }>
  /** Fails, and comes again in an hour. */
  readonly retrying: Task<undefined>
  readonly waiting: Task<undefined>
}

/** `isNext`: of the process after it, where all of them end at once. */
export function stopTasks(isNext = false): StopTasks {
  return {
    obedient: defineTask({
      name: 'obedient',
      retries: 1,
      async run(_input: undefined, { signal }) {
        if (!isNext) await sleep(600_000, undefined, { signal })
      },
    }),
    stubborn: defineTask({
      name: 'stubborn',
      retries: 1,
      async run() {
        // Nothing that keeps the process alive.
        if (!isNext) await new Promise(() => {})
      },
    }),
    failing: defineTask({
      name: 'failing',
      async run({ afterMs }: { readonly afterMs: number }) {
        await sleep(afterMs)
        throw new Error('it failed while the executor closed')
      },
    }),
    retrying: defineTask({
      name: 'retrying',
      retries: 1,
      backoff: { delay: '1h', jitter: 'none' },
      run() {
        throw new Error('not yet')
      },
    }),
    waiting: defineTask({ name: 'waiting', run() {} }),
  }
}
