/** What an executor has counted since it was made: per queue and task, and how long its store takes. */

import type { Status } from '../task/status.ts'
import { Latency } from './latency.ts'
import type { LiveTask } from './live-task.ts'

/** What has happened here since the executor was made, by the events of the same names. */
export interface WorkTotals {
  /** Tasks accepted: `task.enqueued`, `task.scheduled`. */
  readonly enqueued: number
  /** Attempts. */
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  /** Attempts that failed and were followed by another: `task.retrying`. */
  readonly retried: number
  readonly cancelled: number
  readonly interrupted: number
  /** Attempts that were cut off, and whose task waits to be run again. */
  readonly requeued: number
  readonly expired: number
}

/** The counts of one task name in one queue. */
export type Cell = { -readonly [Name in keyof WorkTotals]: number } & {
  readonly queue: string
  readonly taskName: string
  /** Bodies that run on past the end of their attempt. */
  overrunning: number
}

/** Calls that always write. Others read, or find nothing to write and are answered by a store that refuses to. */
const WRITING: ReadonlySet<string> = new Set(['append', 'beat', 'insert', 'open', 'update'])
/** Queues can be named by the call, after customers for instance: what goes beyond so many cells is counted together. */
const MAX_CELLS = 10_000
/** The queue and the task name of what has no cell of its own. */
const OTHERS = '*'

// A class with plain fields: each task passes here three times.
export class Tally {
  readonly cells: Cell[] = []
  readonly wait: Latency = new Latency()
  readonly claim: Latency = new Latency()
  readonly persist: Latency = new Latency()
  readonly settle: Latency = new Latency()
  /** Calls that the store rejected or did not answer in time. */
  storeErrors = 0
  /** Whether the store does the work: false from the first call that fails until the next write is answered. */
  isStoreThere = true
  /** Of the monotonic clock: when the store last answered a call that took its time. */
  answeredAtMs = 0
  #latest: Cell | undefined
  readonly #byQueue = new Map<string, Map<string, Cell>>()

  of(live: LiveTask): Cell {
    const { queue, name } = live.spec
    // Mostly the same as before: two comparisons instead of two look-ups.
    const latest = this.#latest
    if (latest !== undefined && latest.taskName === name && latest.queue === queue) return latest
    return (this.#latest = this.#find(queue, name))
  }

  #find(queue: string, taskName: string): Cell {
    const ofQueue = this.#byQueue.get(queue)
    const known = ofQueue?.get(taskName)
    if (known !== undefined) return known
    if (this.cells.length >= MAX_CELLS && queue !== OTHERS) return this.#find(OTHERS, OTHERS)
    const cell = newCell(queue, taskName)
    this.cells.push(cell)
    if (ofQueue === undefined) this.#byQueue.set(queue, new Map([[taskName, cell]]))
    else ofQueue.set(taskName, cell)
    return cell
  }

  /** A task whose record said `from` has a new state, which is stored. */
  settled(live: LiveTask, from: Status): void {
    const cell = this.of(live)
    switch (live.state.status) {
      case 'succeeded':
        cell.succeeded += 1
        return
      case 'failed':
        cell.failed += 1
        return
      case 'retrying':
        cell.retried += 1
        return
      case 'cancelled':
        cell.cancelled += 1
        return
      case 'interrupted':
        cell.interrupted += 1
        return
      case 'expired':
        cell.expired += 1
        return
      case 'pending':
        if (from === 'running') cell.requeued += 1
        return
      case 'scheduled':
      case 'running':
        return
    }
  }

  /** A call that took its time was answered. */
  answered(operation: string, sinceMs: number, nowMs: number): void {
    if (!this.isStoreThere) this.noteAnswer(operation)
    this.answeredAtMs = nowMs
    if (operation === 'update' || operation === 'insert') this.persist.add(nowMs - sinceMs, nowMs)
    else if (operation === 'claim') this.claim.add(nowMs - sinceMs, nowMs)
  }

  /** A store that can be read may still refuse to write, as a full disk or a replica does: only writing proves it. */
  noteAnswer(operation: string): void {
    if (WRITING.has(operation)) this.isStoreThere = true
  }

  storeFailed(): void {
    this.storeErrors += 1
    this.isStoreThere = false
  }
}

function newCell(queue: string, taskName: string): Cell {
  return {
    queue,
    taskName,
    ...newTotals(),
    overrunning: 0,
  }
}

/** Nothing yet. */
export function newTotals(): { -readonly [Name in keyof WorkTotals]: number } {
  return {
    enqueued: 0,
    started: 0,
    succeeded: 0,
    failed: 0,
    retried: 0,
    cancelled: 0,
    interrupted: 0,
    requeued: 0,
    expired: 0,
  }
}
