/** Removing finished records beyond the retention: a bounded number per call, and of its own accord a tenth of the time. */

import type { Retention } from '../backends/backend.ts'
import type { Core } from './core.ts'
import { callStore } from './persist.ts'
import type { RetentionLimits } from './retention.ts'

const SWEEP_EVERY_MS = 30_000
const FIRST_SWEEP_MS = 1_000
/** A sweep follows so many ended tasks, too, and removes more than that, so that it keeps up with whatever ends. */
const SWEEP_AFTER_FINISHED = 256
const MIN_BATCH = 2 * SWEEP_AFTER_FINISHED
const MAX_BATCH = 4_096
/** Calls that take longer are made smaller: nothing else is done by a process meanwhile, or by its store. */
const CALL_MS = 10
/** When a call removed as many as it may, the next comes after so many times as long as it took. */
const REST_PER_WORK = 9
const MIN_REST_MS = 5

export interface Sweeper {
  /** Looks after retention regularly from now on, until `stop`. */
  begin(): void
  /** One more task has ended here. */
  finished(): void
  stop(): void
}

export function createSweeper(core: Core): Sweeper {
  const { backend, clock, timers, options } = core
  const byDefault = backend.capabilities.durable === 'none' ? 1_000 : 100_000
  let isStopped = !options.sweeps
  let isSweeping = false
  let isDueAgain = false
  let isCatchingUp = false
  let batch = MIN_BATCH
  let ended = 0
  /** Of the sweep under way. */
  let spentMs = 0
  let isFull = false

  function sweep(limit: number): void {
    if (isStopped) return
    if (isSweeping) {
      isDueAgain = true
      return
    }
    isSweeping = true
    spentMs = 0
    isFull = false
    followFrom(0, limit)
  }

  /** Follows the rules from `index` on; within the caller's turn as long as the store answers at once. */
  function followFrom(index: number, limit: number): void {
    for (let at = index; at < options.retention.length && !isStopped; at++) {
      const retention = retentionOf(options.retention[at] as RetentionLimits, limit)
      const sinceMs = clock.monotonic()
      const removed = (count: number): void => {
        spentMs += clock.monotonic() - sinceMs
        isFull ||= count >= limit
      }
      try {
        const answer = callStore(core, 'sweep', 'sweep', () => backend.sweep(retention))
        if (answer instanceof Promise) {
          const goOn = (count: number): void => {
            removed(count)
            followFrom(at + 1, limit)
          }
          answer.then(goOn, failed)
          return
        }
        removed(answer)
      } catch (error) {
        failed(error)
        return
      }
    }
    isSweeping = false
    const perCallMs = spentMs / options.retention.length
    if (perCallMs > CALL_MS) batch = Math.max(MIN_BATCH, batch >> 1)
    else if (isFull && perCallMs < CALL_MS / 2) batch = Math.min(MAX_BATCH, batch * 2)
    if (isFull) catchUp()
    if (!isDueAgain) return
    isDueAgain = false
    sweep(MIN_BATCH)
  }

  function failed(error: unknown): void {
    isSweeping = false
    isDueAgain = false
    core.reportBackendError('sweep', error)
  }

  function catchUp(): void {
    if (isCatchingUp) return
    isCatchingUp = true
    const again = (): void => {
      isCatchingUp = false
      sweep(batch)
    }
    timers.after(Math.max(MIN_REST_MS, spentMs * REST_PER_WORK), again, false)
  }

  function retentionOf(
    { status, maxAgeMs, maxCount = byDefault }: RetentionLimits,
    limit: number,
  ): Retention {
    const now = clock.now()
    const endedBefore = maxAgeMs === Infinity ? 0 : now - maxAgeMs
    return { status, endedBefore, maxFinished: maxCount, limit, now }
  }

  function round(): void {
    if (isStopped) return
    sweep(batch)
    timers.after(SWEEP_EVERY_MS, round, false)
  }

  return {
    begin() {
      // What is left of earlier executors can be much; what waits is started first.
      if (!isStopped) timers.after(FIRST_SWEEP_MS, round, false)
    },
    finished() {
      ended += 1
      if (ended % SWEEP_AFTER_FINISHED === 0) sweep(MIN_BATCH)
    },
    stop() {
      isStopped = true
    },
  }
}
