/** Waiting until an executor has nothing left to do. */

import type { Duration } from '../task/duration.ts'
import { WaitTimeoutError } from '../task/errors.ts'
import { readWait } from '../task/reading.ts'
import type { Core } from './core.ts'

export interface DrainOptions {
  /** Rejects after this long. Default: waits as long as it takes. */
  readonly timeout?: Duration | undefined
  readonly signal?: AbortSignal | undefined
}

const LOOK_MS = 20

/**
 * Settles when no task is pending, running or retrying here, nor due in the overflow of a queue. A retry that waits for
 * longer than a minute may do so in the store, and is not waited for.
 */
export async function waitUntilIdle(core: Core, options: DrainOptions = {}): Promise<void> {
  const { timeoutMs = Infinity, signal } = readWait(options, 'drain: ')
  const endsAt = core.clock.monotonic() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    if (!isBusy(core) || core.phase === 'closed') return
    if (core.clock.monotonic() >= endsAt) {
      throw new WaitTimeoutError(
        `drain: ${core.live.size} tasks were still live after ${timeoutMs} ms`,
        timeoutMs,
      )
    }
    await new Promise<void>((resolve) => {
      // Told when the last task has ended; looked at as well, for those that are due later may be left.
      const done = (): void => {
        core.onIdle.delete(done)
        signal?.removeEventListener('abort', done)
        deadline.cancel()
        resolve()
      }
      const deadline = core.timers.after(LOOK_MS, done)
      core.onIdle.add(done)
      signal?.addEventListener('abort', done)
    })
  }
}

function isBusy(core: Core): boolean {
  if (core.unplacedInserts + core.turnWrites.unmade > 0) return true
  if (core.window.hasOverflow()) return true
  for (const live of core.live.values()) {
    if (live.state.status !== 'scheduled' || live.isSettling || live.dueAt <= core.clock.now())
      return true
  }
  return false
}
