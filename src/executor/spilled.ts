/** How many records an executor has put into the store without an owner and not seen since: an estimate, for others take them too. */

import type { Clock } from '../task/clock.ts'
import type { TaskState } from '../task/record.ts'

export interface Spilled {
  /** Those that are due. */
  readonly due: number
  /** Those whose time is to come. */
  readonly later: number
  add(state: TaskState): void
  /** It is in memory again, has ended, or somebody has it. */
  remove(state: TaskState): void
  /** Nothing due waits in the store. */
  noneIsDue(): void
  clear(): void
}

/** What is due within the same eighth of the time until then is counted together, so that the counts stay few. */
const PARTS = 8
const MIN_PART_MS = 1_000

export function createSpilled(clock: Clock): Spilled {
  let due = 0
  let later = 0
  /** By the instant from which on all of them are due. */
  const counts = new Map<number, number>()
  let nextAt = Infinity

  function comeDue(): void {
    const now = clock.now()
    if (later === 0 || now < nextAt) return
    nextAt = Infinity
    for (const [at, count] of counts) {
      if (at > now) {
        nextAt = Math.min(nextAt, at)
        continue
      }
      counts.delete(at)
      later -= count
      due += count
    }
  }

  function instantOf(dueAt: number): number {
    const partMs = Math.max(MIN_PART_MS, (dueAt - clock.now()) / PARTS)
    // A power of two, so that the instants of many fall together.
    const unit = 2 ** Math.floor(Math.log2(partMs))
    return Math.ceil(dueAt / unit) * unit
  }

  function removeLater(dueAt: number): void {
    // The nearest instant after it, or else the last: it was farther off when it was counted.
    let found: number | undefined
    for (const at of counts.keys()) {
      const isBetter =
        found === undefined || (found < dueAt ? at > found : at >= dueAt && at < found)
      if (isBetter) found = at
    }
    if (found === undefined) return
    const count = counts.get(found) ?? 0
    if (count > 1) counts.set(found, count - 1)
    else counts.delete(found)
    later -= 1
  }

  return {
    get due() {
      comeDue()
      return due
    },
    get later() {
      comeDue()
      return later
    },
    add({ status, dueAt }) {
      if (status !== 'scheduled' && status !== 'retrying') {
        due += 1
        return
      }
      const at = instantOf(dueAt)
      counts.set(at, (counts.get(at) ?? 0) + 1)
      nextAt = Math.min(nextAt, at)
      later += 1
    },
    remove({ status, dueAt }) {
      comeDue()
      if ((status === 'scheduled' || status === 'retrying') && later > 0) removeLater(dueAt)
      else if (due > 0) due -= 1
    },
    noneIsDue() {
      comeDue()
      due = 0
    },
    clear() {
      due = 0
      later = 0
      counts.clear()
      nextAt = Infinity
    },
  }
}
