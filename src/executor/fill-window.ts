/** Fills the window of each queue from the store, and sends what is beyond it there. */

import { AHEAD_MS } from '../engines/engine.ts'
import type { StoredRecord } from '../task/record.ts'
import { ownerNow, type Core } from './core.ts'
import type { Grants } from './grants.ts'
import type { LiveTask } from './live-task.ts'
import { createLocalOptions } from './local-options.ts'
import { giveBackRecords, releaseTasks } from './release.ts'
import { createSpilled } from './spilled.ts'
import { createWindowLanes, type Lane } from './window-lanes.ts'
import type { TakenOver, Window } from './window.ts'

/** How far ahead of its time a task is held in memory from its enqueue on, in milliseconds. */
export const SOON_MS = 5_000
/** A retry that is due later than this waits in the store; one that is due after `SOON_MS` when many others wait here. */
const RETRY_LATER_MS = 60_000
/** Records of one claim. */
const MAX_CLAIM = 1_000
/** So often a claim is repeated because better records have come in meanwhile. */
const MAX_ROUNDS = 4

export function createWindow(core: Core, grants: Grants): Window {
  const { engine, backend, clock } = core
  const { laterIn, lastPriority, shed, setAside } = engine
  const size = core.options.window
  const isOn =
    core.options.work &&
    backend.capabilities.durable !== 'none' &&
    engine.heldIn !== undefined &&
    lastPriority !== undefined
  const lanes = createWindowLanes(core)
  const { held, isLow, spill } = lanes
  const localOptions = createLocalOptions()
  const spilled = createSpilled(clock)
  let filling: Promise<TakenOver[]> | undefined
  let again = false
  /** The latest claim gave all that one may: of which queues there is more was not to be seen. */
  let isCutShort = false
  let nudgeIsDue = false
  let stopped = false

  function arriving(live: LiveTask): void {
    if (!isOn) return
    const lane = lanes.of(live.queue)
    if (isLater(live)) {
      lane.arrivingLater += 1
      return
    }
    lane.arriving += 1
    lane.arrivingPriority = Math.min(lane.arrivingPriority, live.priority)
  }

  function admit(live: LiveTask): boolean {
    const { spec, dueAt } = live
    const expiresFirst = (spec.expiresAt ?? Infinity) < dueAt
    // One that expires first is held until then, so that it ends in time.
    if (!expiresFirst && dueAt - clock.now() > SOON_MS) return false
    const lane = lanes.of(live.queue)
    // While it closes, nothing is claimed any more, and a parent waits for this child.
    if (core.phase !== 'closing') {
      if (isLater(live)) {
        const laterHere = (laterIn?.(live.queue) ?? 0) + lane.arrivingLater
        if (core.isPaused || lane.isOverflowing || laterHere >= size) return false
      } else if (!fits(lane, live)) {
        spill(lane, live.priority)
        return false
      }
    }
    arriving(live)
    return true
  }

  function fits(lane: Lane, live: LiveTask): boolean {
    if (core.isPaused) return false
    const isFull = held(lane) >= lane.target || (setAside?.(live.name) ?? 0) >= lane.target
    if (!lane.isOverflowing && !isCutShort && !isFull) return true
    if (lane.isOverflowing && live.priority > lane.storePriority) return true
    const last = Math.min(lastPriority?.(live.queue) ?? Infinity, lane.arrivingPriority)
    return last !== Infinity && live.priority > last
  }

  async function release(lives: readonly LiveTask[]): Promise<void> {
    if (lives.length === 0) return
    for (const live of lives) {
      const lane = lanes.of(live.queue)
      spill(lane, live.priority)
      if (lane.arriving > 0) lane.shedPriority = Math.max(lane.shedPriority, live.priority)
      localOptions.keep(live)
    }
    for (const { state } of await releaseTasks(core, lives)) spilled.add(state)
  }

  async function empty(): Promise<void> {
    if (isOn && engine.held() > 0) await release(engine.removeAll())
  }

  async function claim(): Promise<readonly StoredRecord[]> {
    lanes.adapt()
    const room = lanes.room()
    // All that is known here waits aside, at the limit of its own task.
    if (room.names.length === 0) return []
    const now = clock.monotonic()
    const spills = new Map<Lane, number>()
    for (const lane of lanes.values()) {
      spills.set(lane, lane.spills)
      lane.spillPriority = -Infinity
    }
    const records = await grants.ask('poll', 'claim', () => {
      const owner = ownerNow(core)
      // What comes due before the next regular look is claimed ahead of its time.
      const dueBefore = owner.now + AHEAD_MS
      return backend.claim(owner, { ...room, limit: MAX_CLAIM, dueBefore })
    })
    for (const { state } of records) spilled.remove(state)
    const counts = new Map<string, number>()
    const lowest = new Map<string, number>()
    for (const { queue, priority } of records.map(({ spec }) => spec)) {
      counts.set(queue, (counts.get(queue) ?? 0) + 1)
      lowest.set(queue, Math.min(lowest.get(queue) ?? Infinity, priority))
    }
    for (const queue of counts.keys()) lanes.of(queue)
    isCutShort = records.length >= MAX_CLAIM
    const isCut = isCutShort || room.names.length < core.registry.names().length
    for (const lane of lanes.values()) {
      const limit = room.queueLimits?.get(lane.queue) ?? room.queueLimit ?? 0
      const count = counts.get(lane.queue) ?? 0
      if (count > 0) lane.filledAtMs = now
      if (limit > 0 && count >= limit) {
        lane.isOverflowing = true
        // What was left goes after what was given; what has come since may not.
        lane.storePriority = Math.max(lowest.get(lane.queue) ?? Infinity, lane.spillPriority)
      } else if (limit > 0 && !isCut) {
        lane.isOverflowing = lane.spills !== (spills.get(lane) ?? 0)
        lane.storePriority = lane.spillPriority
      }
    }
    // Others have taken what is not there any more.
    if (!hasMore()) spilled.noneIsDue()
    return records
  }

  function hasMore(): boolean {
    return isCutShort || lanes.some((lane) => lane.isOverflowing)
  }

  /** Whether better records than some of these have come into the store since they were claimed. */
  function isOvertaken(records: readonly StoredRecord[]): boolean {
    return records.some(({ spec }) => spec.priority < lanes.of(spec.queue).spillPriority)
  }

  async function fillNow(): Promise<TakenOver[]> {
    const outcomes: TakenOver[] = []
    for (;;) {
      again = false
      const records = [...(await claim())]
      for (let round = 1; round < MAX_ROUNDS && isOvertaken(records) && mayClaim(); round++) {
        records.push(...(await claim()))
      }
      if (!mayClaim()) {
        await giveBackRecords(core, records)
        return outcomes
      }
      outcomes.push(...(await Promise.all(records.map((record) => core.takeOver(record)))))
      const isMore = isCutShort || lanes.some((lane) => lane.isOverflowing && isLow(lane))
      if (!again && (records.length === 0 || !isMore)) return outcomes
    }
  }

  function mayClaim(): boolean {
    return !stopped && core.phase !== 'closing' && !core.isPaused && !core.isPastLease
  }

  // A retry, or what a dead executor left, may have come in since.
  async function emptyWhilePaused(): Promise<TakenOver[]> {
    if (core.isPaused && core.phase === 'open') await empty()
    return []
  }

  function fill(): Promise<TakenOver[]> {
    if (!mayClaim()) return emptyWhilePaused()
    if (filling !== undefined) {
      again = true
      return filling
    }
    filling = fillNow().finally(() => {
      filling = undefined
      if (core.onIdle.size > 0) for (const tell of core.onIdle) tell()
      if (core.onRoom.size > 0) for (const tell of core.onRoom) tell()
    })
    return filling
  }

  function fillSoon(): void {
    fill().catch((error: unknown) => core.reportBackendError('claim', error))
  }

  return {
    isOverflowing: (queue) => isOn && (isCutShort || lanes.get(queue)?.isOverflowing === true),
    hasOverflow: () => filling !== undefined || hasMore(),
    spilled,
    admit: (live) => !isOn || admit(live),
    arriving,
    arrived(live) {
      if (!isOn) return
      const lane = lanes.of(live.queue)
      if (isLater(live)) {
        lane.arrivingLater -= 1
        return
      }
      lane.arriving -= 1
      // Some that go before it were sent to the store while it was on its way.
      const isBehind = core.isPaused || live.priority <= lane.shedPriority
      if (isBehind && engine.remove(live)) void release([live])
      if (held(lane) >= 2 * size) void release(shed?.(live.queue, size) ?? [])
      if (lane.arriving > 0) return
      lane.arrivingPriority = Infinity
      lane.shedPriority = -Infinity
    },
    stored(live) {
      spilled.add(live.state)
      localOptions.keep(live)
    },
    left(queue) {
      // On a store that is memory itself, too, there may be more of others.
      if (filling !== undefined) return
      const lane = lanes.get(queue)
      if (lane?.isOverflowing === true && isLow(lane)) fillSoon()
    },
    releasesRetry(live, state) {
      if (!isOn || core.phase !== 'open') return false
      const delayMs = state.dueAt - clock.now()
      if (delayMs <= SOON_MS) return false
      return delayMs > RETRY_LATER_MS || (laterIn?.(live.queue) ?? 0) >= size
    },
    gone: (state) => spilled.remove(state),
    takeOptions: localOptions.take,
    fill,
    nudge() {
      // With every slot taken and others waiting already, the regular look is soon enough.
      if (
        nudgeIsDue ||
        stopped ||
        (engine.waiting() > 0 && engine.stats().active >= core.concurrency)
      )
        return
      nudgeIsDue = true
      core.timers.after(0, () => {
        nudgeIsDue = false
        fillSoon()
      })
    },
    empty,
    async trim() {
      if (!isOn) return
      for (const { queue } of lanes.values()) await release(shed?.(queue, size) ?? [])
    },
    async stop() {
      stopped = true
      // It all is others' now.
      spilled.clear()
      // Its failure is reported where it was asked for.
      await filling?.catch(() => {})
    },
  }
}

/** New, and not due soon: it waits beside those of its queue, not among them. */
function isLater({ state, spec }: LiveTask): boolean {
  return state.dueAt - spec.createdAt > AHEAD_MS
}
