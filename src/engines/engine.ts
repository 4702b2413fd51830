/**
 * The engine contract: *when* and *where* an attempt runs. The executor owns everything else: schema, context,
 * records, events, outcomes. An engine sees items, never an event and never a store.
 *
 * The life of an item: the executor asks `reserve` for a slot before it inserts a record. With a slot the record is
 * inserted as running, and `host.run` is not called: the executor runs it and says `release` when the attempt is
 * over, its body included. Without a slot it is inserted as pending and handed over by `add`; the engine
 * calls `host.run(item)` once it is due and a slot is free, in order. From then on the item holds that
 * slot until `release`. A retry is an `add` with a later `dueAt`.
 */

import type { Clock } from '../task/clock.ts'
import type { TimerQueue } from '../task/timer-queue.ts'

/** Ahead of its time by no more than this, an item counts as held in its queue. In milliseconds. */
export const AHEAD_MS = 2_000

/** What an engine knows of a task that waits. The executor's own objects: compare them by identity. */
export interface EngineItem {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** Higher first. */
  readonly priority: number
  /** Insertion order; orders equals of one queue. */
  readonly position: number
  /** Epoch milliseconds; not before. */
  readonly dueAt: number
  /** Whether it is known to be due: then nobody need ask the clock. */
  readonly isDue?: boolean
  /** Whether the process shall wait for this item although it is not due. */
  readonly keepAlive: boolean
  /**
   * Whether more than one crash has cut it off: of those one runs at a time, so that what keeps crashing its process takes
   * no other with it again and again. Stays as it is while the item holds a slot.
   */
  readonly isSuspect?: boolean
  /** Whether another crash ends it: it starts when nothing else runs, as far as that comes soon. Stays likewise. */
  readonly isLastChance?: boolean
}

/** What the executor offers its engine. */
export interface EngineHost<Item extends EngineItem = EngineItem> {
  readonly clock: Clock
  /** Deadlines in the executor's base async context. */
  readonly timers: TimerQueue
  /** Total slots, and slots of one task (`Infinity`: no limit of its own). Read anew each time. */
  concurrency(): number
  taskConcurrency(name: string): number
  /**
   * Runs the next attempt of `item`, which holds a slot from now on. Never throws. A promise, when there is one,
   * settles when the attempt is over.
   */
  run(item: Item): void | Promise<void>
  /** Calls `start` soon, in the executor's base async context; calls in one turn are run in order. */
  defer(start: () => void): void
}

/** Numbers for `executor.stats()`. */
export interface EngineStats {
  /** Slots taken. */
  readonly active: number
  /** Items that are due and wait for a slot. */
  readonly waiting: number
  /** Items that are not due yet. */
  readonly scheduled: number
}

export interface Engine<Item extends EngineItem = EngineItem> {
  /** For messages: `local`, `inline`. */
  readonly name: string
  /** True when `host.run` shall answer a promise of the attempt's end; it costs a promise per attempt. */
  readonly awaitsRuns?: boolean
  /** Called once, before anything else. */
  start(host: EngineHost<Item>): void
  /**
   * Takes a slot for a record that is about to be inserted, if one is free and nothing waits that goes before it.
   * Followed by `release` in every case.
   */
  reserve(item: Item): boolean
  /**
   * Takes an item in. It runs when it is due and has a slot: by priority downwards; among equals the queues take turns, and
   * within a queue it goes by position.
   * A promise, when there is one, settles when the caller of enqueue shall go on (the inline engine: after the run).
   */
  add(item: Item): void | Promise<void>
  /** Takes out an item that has not been run; false when it is not here (any more). */
  remove(item: Item): boolean
  /** Takes out all items that have not been run. Others can be added as before. */
  removeAll(): readonly Item[]
  /** The attempt of `item` is over and so is its body: its slot is free. */
  release(item: Item): void
  /**
   * The body of `item` waits for another task and needs no slot meanwhile: others may have it. Without this, tasks that
   * wait for their children could take all slots and wait for ever. The limit of its own task stays as it is. `release`
   * ends it too. Absent in an engine without slots.
   */
  lend?(item: Item): void
  /** The body wants to go on: at once, or when the promise settles, which is before anything new starts. */
  takeBack?(item: Item): void | Promise<void>
  /** Starts nothing until `resume`; items are still taken in. */
  pause(): void
  resume(): void
  /** Limits have changed: look again. */
  refresh(): void
  stats(): EngineStats
  /**
   * Items of this queue that are due, or were due within `AHEAD_MS` when they were added, without those that wait for their
   * own task's limit. Absent, as the next four, in an engine that takes in whatever comes.
   */
  heldIn?(queue: string): number
  /** Items of this queue that are due later than that. */
  laterIn?(queue: string): number
  /** Items of this task that wait aside because it is at its own limit. */
  setAside?(name: string): number
  /** The priority of the item of this queue that would go last of those that are due; `undefined` when none is. */
  lastPriority?(queue: string): number | undefined
  /** Takes out those of this queue that would go last, all but the first `keep` of those that are due. */
  shed?(queue: string, keep: number): readonly Item[]
  /** `stats().waiting`, for asking at every enqueue. */
  waiting(): number
  /** As `waiting`, with those that are not due yet. */
  held(): number
  /** Stops for good: nothing starts any more. Answers the items that have not been run. */
  stop(): readonly Item[]
}
