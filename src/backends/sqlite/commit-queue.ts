/** Group commit: the calls of one turn of the event loop become one transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { BackendUnavailableError } from '../../task/errors.ts'
import type { Counts } from './counts.ts'
import { isBusy, refusal, unavailable } from '../../connections/sqlite-failure.ts'

export interface CommitQueue {
  /**
   * Runs `work` in a transaction with the other calls of this turn, in order, and settles after the commit.
   *
   * `work` may run more than once, each time in a new transaction, and has to leave no trace outside it.
   * @param rows - about how many rows it touches: bounds the group, and so the stall of its commit
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when it failed by itself, not because of its neighbours
   */
  run<T>(operation: string, rows: number, work: () => T): Promise<T>
  /** As `run`, for work that only reads: a group of readers takes no write lock. */
  read<T>(operation: string, work: () => T, rows?: number): Promise<T>
  /** Grows with every transaction: what was read in another one may have changed since. */
  readonly transaction: number
  /** Rejects what still waits, and all that comes. */
  stop(error: BackendUnavailableError): void
}

/** What the place where the file lies has to say about commits. */
export interface CommitPlace {
  /** Whether the next commit shall wait a moment; `resume` is called when it may go on. */
  hold(resume: () => void): boolean
  /** Why nothing that is written there can be found again; `undefined` when it can. */
  lost(): string | undefined
  /** There was a commit of something that may have been written. */
  committed(): void
}

const ANYWHERE: CommitPlace = { hold: () => false, lost: () => undefined, committed() {} }

/** So many rows fill a group. A long read that counts as so many has a transaction of its own, in which nothing is written. */
export const GROUP_ROWS = 2_000

interface Call {
  readonly operation: string
  readonly rows: number
  readonly writes: boolean
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: BackendUnavailableError) => void
}

const MAX_SINGLES_PER_TURN = 50
const MAX_BUSY_MS = 5_000
const FIRST_BUSY_DELAY_MS = 2
const MAX_BUSY_DELAY_MS = 50

export function createCommitQueue(
  db: DatabaseSync,
  path: string,
  place: CommitPlace = ANYWHERE,
  counts?: Counts,
): CommitQueue {
  const begin = db.prepare('BEGIN IMMEDIATE')
  const beginRead = db.prepare('BEGIN')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')

  let waiting: Call[] = []
  // Calls whose group failed: each is tried again in a transaction of its own, before anything newer.
  let singles: Call[] = []
  let group: readonly Call[] | undefined
  /** Since when the group waits for a lock; `undefined` when it does not. */
  let waitsSinceMs: number | undefined
  let isScheduled = false
  let transaction = 0
  let isLost = false
  let stopped: BackendUnavailableError | undefined

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(turn)
  }

  function turn(): void {
    if (place.hold(turn)) return
    isScheduled = false
    for (let tries = 0; tries < MAX_SINGLES_PER_TURN; tries++) {
      group ??= nextGroup()
      if (group === undefined) return
      if (!settle(group)) return
      group = undefined
      waitsSinceMs = undefined
      if (singles.length === 0) break
    }
    if (singles.length > 0 || waiting.length > 0) schedule()
  }

  function nextGroup(): readonly Call[] | undefined {
    const single = singles.shift()
    if (single !== undefined) return [single]
    if (waiting.length === 0) return undefined
    let rows = 0
    let count = 0
    for (const call of waiting) {
      rows += call.rows
      if (count > 0 && rows > GROUP_ROWS) break
      count += 1
    }
    const taken = waiting
    waiting = count === taken.length ? [] : taken.splice(count)
    return taken
  }

  /** False when the group has to wait for a lock; it is then tried again by itself. */
  function settle(calls: readonly Call[]): boolean {
    if (isLost && refusesLost(calls)) return true
    let results: readonly unknown[]
    try {
      results = transact(calls)
    } catch (error) {
      const busy = isBusy(error)
      if (busy && waitedMs() < MAX_BUSY_MS) {
        retryLater()
        return false
      }
      // A lock that is not free for one call is not free for its neighbour.
      if (busy || calls.length === 1) {
        for (const call of calls) call.reject(unavailable(error, call.operation, path))
      } else {
        singles = [...calls]
      }
      return true
    }
    // Looked at before anything is answered: what went into a file that is gone was not written.
    if (refusesLost(calls)) return true
    if (calls.some(isWrite)) place.committed()
    for (const [index, call] of calls.entries()) call.resolve(results[index])
    return true
  }

  function refusesLost(calls: readonly Call[]): boolean {
    const why = place.lost()
    isLost = why !== undefined
    if (why === undefined) return false
    for (const call of calls) call.reject(refusal('file_lost', call.operation, why))
    return true
  }

  // The one timer here: somebody awaits each of these calls, so it may keep the process for the seconds that it takes.
  function retryLater(): void {
    const delayMs = Math.min(MAX_BUSY_DELAY_MS, FIRST_BUSY_DELAY_MS + waitedMs())
    waitsSinceMs ??= performance.now()
    isScheduled = true
    setTimeout(turn, delayMs)
  }

  function waitedMs(): number {
    return waitsSinceMs === undefined ? 0 : performance.now() - waitsSinceMs
  }

  function transact(calls: readonly Call[]): readonly unknown[] {
    const starter = calls.some(isWrite) ? begin : beginRead
    starter.run()
    transaction += 1
    try {
      const results = calls.map((call) => {
        // It may read what the calls before it have added up.
        if (!call.writes) counts?.write()
        return call.work()
      })
      counts?.write()
      commit.run()
      return results
    } catch (error) {
      counts?.forget()
      try {
        rollback.run()
      } catch {
        // Some errors (a full disk, for one) have ended the transaction already.
      }
      throw error
    }
  }

  function add<T>(operation: string, rows: number, writes: boolean, work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (stopped !== undefined) {
        reject(stopped)
        return
      }
      waiting.push({
        operation,
        rows,
        writes,
        work,
        resolve: resolve as (value: unknown) => void,
        reject,
      })
      if (!isScheduled) schedule()
    })
  }

  return {
    run: (operation, rows, work) => add(operation, rows, true, work),
    read: (operation, work, rows = 1) => add(operation, rows, false, work),
    get transaction() {
      return transaction
    },
    stop(error) {
      stopped = error
      const left = [...(group ?? []), ...singles, ...waiting]
      group = undefined
      singles = []
      waiting = []
      for (const call of left) call.reject(error)
    },
  }
}

function isWrite({ writes }: Call): boolean {
  return writes
}
