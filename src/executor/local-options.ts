/** Options with functions that were given with a call: they live in this process only, while their record waits in the store. */

import type { RunOptions } from '../task/options.ts'
import type { LiveTask } from './live-task.ts'

/** So many are kept; of more, the oldest are forgotten, and the definition's apply. */
const MAX_KEPT = 10_000

export interface LocalOptions {
  /** Keeps the task's options, if the store cannot. */
  keep(live: LiveTask): void
  /** The options that were kept for this record, once. */
  take(id: string): RunOptions | undefined
}

export function createLocalOptions(): LocalOptions {
  const kept = new Map<string, RunOptions>()

  return {
    keep({ id, spec, options }) {
      if (spec.localOptions === undefined) return
      kept.set(id, options)
      if (kept.size <= MAX_KEPT) return
      const [oldest] = kept.keys()
      if (oldest !== undefined) kept.delete(oldest)
    },
    take(id) {
      if (kept.size === 0) return undefined
      const options = kept.get(id)
      kept.delete(id)
      return options
    },
  }
}
