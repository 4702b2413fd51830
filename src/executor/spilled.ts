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
  return new SpilledCounts(clock)
}

// A class: V8 looks up every property of an object literal that has a getter in a hash table.
class SpilledCounts implements Spilled {
  readonly #clock: Clock
  #due = 0
  #later = 0
  /** By the instant from which on all of them are due. */
  readonly #counts = new Map<number, number>()
  #nextAt = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get due(): number {
    this.#comeDue()
    return this.#due
  }

  get later(): number {
    this.#comeDue()
    return this.#later
  }

  add({ status, dueAt }: TaskState): void {
    if (status !== 'scheduled' && status !== 'retrying') {
      this.#due += 1
      return
    }
    const at = this.#instantOf(dueAt)
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + 1)
    this.#nextAt = Math.min(this.#nextAt, at)
    this.#later += 1
  }

  remove({ status, dueAt }: TaskState): void {
    this.#comeDue()
    const isLater = status === 'scheduled' || status === 'retrying'
    if (isLater && this.#later > 0) this.#removeLater(dueAt)
    else if (this.#due > 0) this.#due -= 1
  }

  noneIsDue(): void {
    this.#comeDue()
    this.#due = 0
  }

  clear(): void {
    this.#due = 0
    this.#later = 0
    this.#counts.clear()
    this.#nextAt = Infinity
  }

  #comeDue(): void {
    if (this.#later === 0) return
    const now = this.#clock.now()
    if (now < this.#nextAt) return
    this.#nextAt = Infinity
    for (const [at, count] of this.#counts) {
      if (at > now) {
        this.#nextAt = Math.min(this.#nextAt, at)
        continue
      }
      this.#counts.delete(at)
      this.#later -= count
      this.#due += count
    }
  }

  #instantOf(dueAt: number): number {
    const partMs = Math.max(MIN_PART_MS, (dueAt - this.#clock.now()) / PARTS)
    // A power of two, so that the instants of many fall together.
    const unit = 2 ** Math.floor(Math.log2(partMs))
    return Math.ceil(dueAt / unit) * unit
  }

  #removeLater(dueAt: number): void {
    // The nearest instant after it, or else the last: it was farther off when it was counted.
    let found: number | undefined
    for (const at of this.#counts.keys()) {
      const isBetter =
        found === undefined || (found < dueAt ? at > found : at >= dueAt && at < found)
      if (isBetter) found = at
    }
    if (found === undefined) return
    const count = this.#counts.get(found) ?? 0
    if (count > 1) this.#counts.set(found, count - 1)
    else this.#counts.delete(found)
    this.#later -= 1
  }
}
