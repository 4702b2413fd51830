/** What a window knows of each queue: how much of it is held here, is on its way, and may lie in the store. */

import type { ClaimQuery } from '../backends/backend.ts'
import type { Core } from './core.ts'

/** A window that was emptied faster than this is filled with more the next time; one that took longer than `SLOW_MS`, with less. */
const FAST_MS = 100
const SLOW_MS = 1_000

/** One queue of the window. */
export interface Lane {
  readonly queue: string
  /** Admitted, and not answered by the store yet; the lowest priority of them. */
  arriving: number
  arrivingPriority: number
  /** Likewise, of those that are due later and are in nobody's way until then. */
  arrivingLater: number
  /** The highest of what was sent to the store while they were on their way. */
  shedPriority: number
  /** The store may have records that go after those in memory. */
  isOverflowing: boolean
  /** No record of this queue in the store has a higher priority, as far as this executor has put or left it there. */
  storePriority: number
  /** Grows with every record that goes to the store without an owner; the highest priority since the last claim began. */
  spills: number
  spillPriority: number
  /** How many are held after a claim. */
  target: number
  filledAtMs: number
}

export interface WindowLanes {
  values(): Iterable<Lane>
  /** Whether any of them is so. */
  some(isSo: (lane: Lane) => boolean): boolean
  get(queue: string): Lane | undefined
  /** The lane of this queue, made when there is none. */
  of(queue: string): Lane
  /** How many of its tasks are in memory or on their way there, without those that are due later. */
  held(lane: Lane): number
  /** Whether it is time for more. */
  isLow(lane: Lane): boolean
  /** One of this priority goes to the store without an owner. */
  spill(lane: Lane, priority: number): void
  /** What may be claimed of each queue now. */
  room(): Pick<ClaimQuery, 'names' | 'queueLimit' | 'queueLimits'>
  /** Makes the lanes longer or shorter, and forgets those that nothing waits in. To be called before a claim. */
  adapt(): void
}

export function createWindowLanes(core: Core): WindowLanes {
  const { engine, clock } = core
  const { heldIn, setAside } = engine
  const size = core.options.window
  const lanes = new Map<string, Lane>()

  const leastTarget = (): number => Math.min(size, Math.max(16, 2 * core.concurrency))
  const held = (lane: Lane): number => (heldIn?.(lane.queue) ?? 0) + lane.arriving
  const isLow = (lane: Lane): boolean => held(lane) <= lane.target >> 1

  function of(queue: string): Lane {
    let lane = lanes.get(queue)
    if (lane === undefined) {
      lane = {
        queue,
        arriving: 0,
        arrivingPriority: Infinity,
        arrivingLater: 0,
        shedPriority: -Infinity,
        isOverflowing: false,
        storePriority: -Infinity,
        spills: 0,
        spillPriority: -Infinity,
        target: leastTarget(),
        filledAtMs: clock.monotonic(),
      }
      lanes.set(queue, lane)
    }
    return lane
  }

  function spill(lane: Lane, priority: number): void {
    lane.isOverflowing = true
    lane.spills += 1
    lane.spillPriority = Math.max(lane.spillPriority, priority)
    lane.storePriority = Math.max(lane.storePriority, priority)
  }

  function room(): Pick<ClaimQuery, 'names' | 'queueLimit' | 'queueLimits'> {
    const names = core.registry
      .names()
      .filter((name) => (setAside?.(name) ?? 0) <= leastTarget() >> 1)
    const queueLimits = new Map<string, number>()
    for (const lane of lanes.values()) {
      queueLimits.set(lane.queue, Math.max(0, lane.target - held(lane)))
    }
    return { names, queueLimit: leastTarget(), queueLimits }
  }

  /** Filled and emptied in no time: hold more. Not emptied for a second: others could have run it. */
  function adapt(): void {
    const now = clock.monotonic()
    for (const lane of lanes.values()) {
      if (!lane.isOverflowing && held(lane) + lane.arrivingLater === 0) {
        // Queues may be named after users: one that nothing waits in is forgotten.
        lanes.delete(lane.queue)
        continue
      }
      if (!lane.isOverflowing || !isLow(lane)) continue
      const tookMs = now - lane.filledAtMs
      if (tookMs < FAST_MS) lane.target = Math.min(size, lane.target * 2)
      else if (tookMs > SLOW_MS) lane.target = Math.max(leastTarget(), lane.target >> 1)
    }
  }

  return {
    values: () => lanes.values(),
    some(isSo) {
      for (const lane of lanes.values()) if (isSo(lane)) return true
      return false
    },
    get: (queue) => lanes.get(queue),
    of,
    held,
    isLow,
    spill,
    room,
    adapt,
  }
}
