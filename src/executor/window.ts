/**
 * The window: which of the tasks that wait this executor holds in memory. The rest, the overflow, lies in the store
 * without an owner, where any executor that knows the task claims it. One window per queue, so that a million
 * waiting tasks cost a flat heap and no queue starves another.
 *
 * The order is exact across the overflow: once a queue has overflowed, a new record enters memory only if it goes before
 * the last one there, and what is claimed is what goes first in the store.
 */

import type { RunOptions } from '../task/options.ts'
import type { TaskState } from '../task/record.ts'
import type { LiveTask } from './live-task.ts'

/** What becomes of a record that this executor has claimed or adopted. */
export type TakenOver = 'claimed' | 'requeued' | 'interrupted' | 'failed'

export interface Window {
  /** Whether new records of this queue have to wait behind some that are in the store. */
  isOverflowing(queue: string): boolean
  /** Whether any queue has overflowed, as far as is known here, or records are on their way from the store. */
  hasOverflow(): boolean
  /**
   * How many records this executor has put into the store without an owner and not seen since, those that were due then
   * and those that were not. An estimate: others may have taken them.
   */
  readonly spilled: { readonly due: number; readonly later: number }
  /** Whether a new record that waits is held here; then it counts as arriving. If not, it is to be stored without an owner. */
  admit(live: LiveTask): boolean
  /** Counts a record as arriving that was admitted before and is inserted anew. */
  arriving(live: LiveTask): void
  /** What was arriving is with the engine, or did not go in. */
  arrived(live: LiveTask): void
  /** A record that was not admitted, or is to wait for its retry in the store, is there. */
  stored(live: LiveTask): void
  /** A record in the store without an owner was cancelled from here. */
  gone(state: TaskState): void
  /** A task of this queue has left the engine. */
  left(queue: string): void
  /** Whether a task that waits for its retry is to wait in the store. */
  releasesRetry(live: LiveTask, state: TaskState): boolean
  /** The options that a record was enqueued with here, functions included, when it comes back. */
  takeOptions(id: string): RunOptions | undefined
  /** Claims what there is room for. Answers what became of it. */
  fill(): Promise<TakenOver[]>
  /** Records without an owner may have come up. */
  nudge(): void
  /** Gives all that waits back to the store: others may have it. */
  empty(): Promise<void>
  /** Gives back what is beyond the windows. */
  trim(): Promise<void>
  /** Claims nothing any more. Settles when no record is on its way. */
  stop(): Promise<void>
}
