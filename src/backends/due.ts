/** When a record without an owner may be claimed, as a store sees it that has no clock. */

import type { TaskState } from '../task/record.ts'

/**
 * From when on it may be claimed; `undefined` when at once. Its status tells: a pending record was due when that was
 * written, and stays so when the clock is set back.
 */
export function dueLaterAt({ status, dueAt }: TaskState): number | undefined {
  return status === 'scheduled' || status === 'retrying' ? dueAt : undefined
}

/** So many records become due with one claim, so that a hundred thousand of the same millisecond stall nobody. */
export const MAX_DUE_PER_CLAIM = 1_000
