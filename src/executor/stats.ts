/** Numbers of an executor at one moment. */

import type { TaskActivity } from '../observers/observer.ts'
import type { ObserverStats } from './attached-observer.ts'
import type { Core, Phase } from './core.ts'
import type { LatencyStats } from './latency.ts'
import type { LiveTask } from './live-task.ts'
import { newTotals, type WorkTotals } from './tally.ts'

/** The tasks that an executor has in memory, by what they do now. Each is counted once. See `overflow` for the others. */
export interface WorkNow {
  /**
   * Bodies that run: of attempts, until their outcome is stored, and of those that outlived their attempt, whose tasks can be
   * counted as retrying or queued besides.
   */
  readonly running: number
  /** Due, and waiting for a slot. */
  readonly queued: number
  /** An attempt has failed, and the next is due later, or waits for the body of the failed one to settle. */
  readonly retrying: number
  /** Due later, and not because of a failure. */
  readonly scheduled: number
  /** For how long the one of `queued` that was due first has waited, in milliseconds; 0 when none waits. */
  readonly oldestWaitMs: number
}

/** The same for one queue or one task name. */
export interface GroupStats extends WorkNow {
  /** Since the executor was made. */
  readonly totals: WorkTotals
}

/** How long something took within the last minute, in milliseconds. */
export interface ExecutorLatency {
  /** From due to started, of each attempt; by the wall clock. */
  readonly wait: LatencyStats
  /** Claims, from the call of the store to its answer. A store that answers within the call leaves no samples. */
  readonly claim: LatencyStats
  /** Writes of records and states; likewise. */
  readonly persist: LatencyStats
  /** From the end of an attempt to its outcome in the store, repeated writes included; likewise. */
  readonly settle: LatencyStats
}

/** What `executor.stats()` answers: of this executor alone; `executor.counts()` is about the whole store. */
export interface ExecutorStats extends WorkNow {
  readonly phase: Phase
  /**
   * Whether it is open and its store does the work: claims, heartbeats and writes are answered, which are made at least every
   * 5 s, and each of which needs what the work of a task needs. Being able to read is not enough. `pause` does not change it.
   */
  readonly ready: boolean
  readonly concurrency: number
  /** `retrying` and `scheduled` together. */
  readonly waiting: number
  /**
   * Of `queued` and `scheduled`, those that wait in the store: put there by this executor, and not seen since. Others may
   * have taken some. They are not among `queues` and `tasks`.
   */
  readonly overflow: number
  readonly slots: {
    /** As `concurrency`. */
    readonly total: number
    /** Includes those of bodies that outlive their attempt, and of tasks on their way into the store. */
    readonly taken: number
    /** Attempts that wait for another task and have lent their slot meanwhile; not among `taken`. */
    readonly lent: number
  }
  /** Of all queues, since the executor was made. */
  readonly totals: WorkTotals
  /** By queue, and by task name: of what has come up since the executor was made. Beyond 10,000 pairs: `*`. */
  readonly queues: Readonly<Record<string, GroupStats>>
  readonly tasks: Readonly<Record<string, GroupStats>>
  readonly latency: ExecutorLatency
  /** Calls that the store rejected or did not answer within 10 s, since the executor was made. */
  readonly storeErrors: number
  /** Events of each observer: `emitted = delivered + dropped + failed + queued`. */
  readonly observers: readonly ObserverStats[]
}

type Counts = { -readonly [Name in keyof WorkNow]: number } & {
  readonly totals: { -readonly [Name in keyof WorkTotals]: number }
}

/** Goes through the tasks in memory: a millisecond for some ten thousands. */
export function executorStats(core: Core, observers: readonly ObserverStats[]): ExecutorStats {
  const { tally, clock } = core
  const all = newCounts()
  const queues = new Map<string, Counts>()
  const tasks = new Map<string, Counts>()
  const groupsOf = (queue: string, name: string): readonly Counts[] => [
    all,
    groupIn(queues, queue),
    groupIn(tasks, name),
  ]
  for (const cell of tally.cells) {
    for (const group of groupsOf(cell.queue, cell.taskName)) {
      for (const name of TOTALS) group.totals[name] += cell[name]
      group.running += cell.overrunning
    }
  }
  let lent = 0
  const now = clock.now()
  for (const live of core.live.values()) {
    const what = doingOf(live, core.id, now)
    if (what === undefined) continue
    if (live.attempt?.isSlotLent === true) lent += 1
    for (const group of groupsOf(live.queue, live.name)) {
      group[what] += 1
      if (what === 'queued') group.oldestWaitMs = Math.max(group.oldestWaitMs, now - live.dueAt)
    }
  }
  const nowMs = clock.monotonic()
  const { due, later } = core.window.spilled
  return {
    phase: core.phase,
    ready: core.phase === 'open' && tally.isStoreThere && !core.isPastLease,
    concurrency: core.concurrency,
    ...all,
    queued: all.queued + due,
    scheduled: all.scheduled + later,
    waiting: all.retrying + all.scheduled + later,
    overflow: due + later,
    slots: { total: core.concurrency, taken: core.engine.stats().active, lent },
    queues: Object.fromEntries(queues),
    tasks: Object.fromEntries(tasks),
    latency: {
      wait: tally.wait.stats(nowMs),
      claim: tally.claim.stats(nowMs),
      persist: tally.persist.stats(nowMs),
      settle: tally.settle.stats(nowMs),
    },
    storeErrors: tally.storeErrors,
    observers,
  }
}

/** What observers may know of it. */
export function activityOf(core: Core): TaskActivity {
  const { running, queued, retrying, scheduled, concurrency, slots } = executorStats(core, [])
  const limit = core.options.work && core.phase !== 'closed' ? concurrency : 0
  return { running, queued, retrying, scheduled, limit, usage: slots.taken }
}

/** `undefined`: nothing here; it has ended, was given away, or was cut off elsewhere and is being settled. */
function doingOf(
  live: LiveTask,
  id: string,
  now: number,
): 'running' | 'queued' | 'retrying' | 'scheduled' | undefined {
  const { state } = live
  if (live.isDone || state.owner !== id) return undefined
  if (state.status === 'running') {
    return live.attempt !== undefined || live.hasSlot ? 'running' : undefined
  }
  // The next attempt waits for the body of the one before, however long it has been due.
  if (state.status === 'retrying' && live.attempt !== undefined) return 'retrying'
  if (live.dueAt <= now) return 'queued'
  return state.status === 'retrying' ? 'retrying' : 'scheduled'
}

function groupIn(groups: Map<string, Counts>, name: string): Counts {
  let group = groups.get(name)
  if (group === undefined) groups.set(name, (group = newCounts()))
  return group
}

const TOTALS = Object.keys(newTotals()) as (keyof WorkTotals)[]

function newCounts(): Counts {
  return {
    running: 0,
    queued: 0,
    retrying: 0,
    scheduled: 0,
    oldestWaitMs: 0,
    totals: newTotals(),
  }
}
