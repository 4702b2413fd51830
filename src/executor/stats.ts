/** Numbers of an executor at one moment. */

import type { Core, Phase } from './core.ts'
import type { ObserverStats } from './attached-observer.ts'

export interface ExecutorStats {
  readonly phase: Phase
  readonly concurrency: number
  /** Slots taken: bodies that run, or run on past their end. */
  readonly running: number
  /** Due, and waiting for a slot. */
  readonly queued: number
  /** Waiting for a later time: scheduled, or between attempts. */
  readonly waiting: number
  /** Events of each observer: `emitted = delivered + dropped + failed + queued`. */
  readonly observers: readonly ObserverStats[]
}

export function executorStats(core: Core, observers: readonly ObserverStats[]): ExecutorStats {
  const { active, waiting, scheduled } = core.engine.stats()
  return {
    phase: core.phase,
    concurrency: core.concurrency,
    running: active,
    queued: waiting,
    waiting: scheduled,
    observers,
  }
}
