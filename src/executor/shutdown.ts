/** Closing: in order, in time, and whatever state things are in. */

import { executorEvent } from '../events/executor-event.ts'
import { durationMs, type Duration } from '../task/duration.ts'
import { InvalidOptionsError, TaskInterruptedError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import type { Status } from '../task/status.ts'
import type { Deadline } from '../task/timer-queue.ts'
import { transition } from '../task/transition.ts'
import type { Attempts } from './attempt.ts'
import { ownerNow, type Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import { CLOSE_DEADLINE_MS, type ObserverHost } from './observer-host.ts'
import { callStore, delay } from './persist.ts'
import { forget, patchOf } from './settle.ts'
import type { Upkeep } from './upkeep.ts'

export interface CloseOptions {
  /** How long running tasks may go on before they are told to stop. Default `'10s'`. */
  readonly grace?: Duration | undefined
}

/** How long an executor that is starting is waited for, at most. */
const START_MS = 3_000
/** What all that follows the graces may take together. */
const AFTER_GRACE_MS = 2_900
/** What bodies that were told to stop are given to settle. */
const ABORT_MS = 500
/** What giving up the rest may take, and then closing the store. */
const STORE_MS = 800
/** How often it is looked whether what closing waits for has come. */
const LOOK_MS = 10
/** What is left for closing the store when everything before it has taken as long as it may. */
const LAST_MS = 150

/** @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong `grace` */
export function checkCloseOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionsError('options', 'an object { grace }', options, 'close: ')
  }
  reading('grace', 'close: ', () =>
    durationMs((options as CloseOptions).grace ?? 0, 'grace', 'close: '),
  )
}

/**
 * Stops claiming and starting; waits `grace` for running tasks (`shieldGrace` for shielded ones); aborts the rest and
 * settles or requeues it; gives up what waits; drains the bus and closes observers; closes the store.
 * Always settles, within max(grace, shieldGrace) + 3 s; never rejects.
 */
export async function shutDown(
  core: Core,
  attempts: Attempts,
  observers: ObserverHost,
  upkeep: Upkeep,
  options: CloseOptions,
  starting: Promise<void> | undefined,
  stopSignals: () => void,
): Promise<void> {
  const graceMs = durationMs(options.grace ?? '10s', 'grace', 'close: ')
  const startedAt = core.clock.monotonic()
  const endsAt = startedAt + Math.max(graceMs, core.options.shieldGraceMs) + AFTER_GRACE_MS
  const leftMs = (until: number): number => Math.max(0, until - core.clock.monotonic())
  // Nothing is awaited when it is open: from the moment of the call on, new work is refused.
  if (core.phase === 'starting' && starting !== undefined) {
    await within(core, Math.min(graceMs, START_MS), starting)
  }
  stopSignals()
  const wasOpen = core.phase === 'open' || core.phase === 'starting'
  core.phase = 'closing'
  for (const tell of core.onRoom) tell()
  const isDurable = core.backend.capabilities.durable !== 'none'
  if (wasOpen) {
    const noMore = upkeep.stop()
    const waiting = stopWaiting(core, isDurable)
    await runningEnded(core, leftMs(startedAt + graceMs), 'unshielded')
    abort(core, 'unshielded')
    const shieldEndsAt = startedAt + core.options.shieldGraceMs
    await runningEnded(core, leftMs(shieldEndsAt), 'shielded')
    core.isAborting = true
    abort(core, 'all')
    await runningEnded(core, ABORT_MS, 'all')
    for (const live of core.live.values()) {
      if (live.attempt !== undefined && !live.attempt.isOver) attempts.interrupt(live)
    }
    const storeMs = Math.min(STORE_MS, leftMs(endsAt - CLOSE_DEADLINE_MS - LAST_MS))
    await within(
      core,
      storeMs,
      noMore.then(() => giveUp(core, attempts, waiting, isDurable)).then(() => written(core)),
    )
  }
  const left = countLeft(core)
  observers.endReports()
  if (core.bus.wanted['executor.closed'] && wasOpen) {
    const fields = { durationMs: Math.round(core.clock.monotonic() - startedAt), left }
    core.bus.publish(executorEvent(core.origin, 'executor.closed', core.clock.now(), fields))
  }
  await observers.close()
  core.phase = 'closed'
  await within(core, Math.min(STORE_MS, Math.max(LAST_MS, leftMs(endsAt))), closeStore(core))
  for (const live of Array.from(core.live.values())) {
    live.isLost = true
    forget(core, live)
  }
  for (const waiting of [core.onRoom, core.onIdle, core.onClosed])
    for (const tell of waiting) tell()
  core.storeCalls.close()
  core.timers.clear()
}

/** Takes out what waits. On a store that forgets, shielded work that was accepted is started first. */
function stopWaiting(core: Core, isDurable: boolean): LiveTask[] {
  core.engine.pause()
  const waiting = core.engine.removeAll()
  const shielded = isDurable ? [] : waiting.filter((live) => live.spec.shield)
  for (const live of shielded) {
    live.dueAt = core.clock.now()
    void core.engine.add(live)
  }
  core.engine.resume()
  return waiting.filter((live) => isDurable || !live.spec.shield)
}

/** Which tasks are meant: their own, as they were defined. */
type Kind = 'shielded' | 'unshielded' | 'all'

function isOf(kind: Kind, isShielded: boolean): boolean {
  return kind === 'all' || isShielded === (kind === 'shielded')
}

/** Whether tasks of this kind run, or hooks of theirs. */
function isBusy(core: Core, kind: Kind): boolean {
  const isDurable = core.backend.capabilities.durable !== 'none'
  if (core.inserting > 0) return true
  for (const live of core.live.values()) {
    const isRunning = live.attempt?.isOver === false || live.isSettling || live.hasSlot
    if ((isRunning || (live.spec.shield && !isDurable)) && isOf(kind, live.spec.shield)) return true
  }
  for (const hook of core.hooksRunning) if (isOf(kind, hook.isShielded)) return true
  return false
}

/** Settles when no task of this kind runs any more, nor its hooks, or after `ms`. */
function runningEnded(core: Core, ms: number, kind: Kind): Promise<void> {
  return new Promise((resolve) => {
    const endsAt = core.clock.monotonic() + ms
    let next: Deadline | undefined
    const look = (): void => {
      next?.cancel()
      const busy = isBusy(core, kind)
      const leftMs = endsAt - core.clock.monotonic()
      if (!busy || leftMs <= 0) {
        core.onIdle.delete(look)
        resolve()
      } else {
        next = core.timers.after(Math.min(leftMs, LOOK_MS), look)
      }
    }
    // Told when the last task has ended; looked at as well, for those of another kind may go on.
    core.onIdle.add(look)
    look()
  })
}

function abort(core: Core, kind: Kind): void {
  for (const live of core.live.values()) {
    if (live.attempt === undefined || live.attempt.isOver || !isOf(kind, live.spec.shield)) continue
    live.attempt.abort(new TaskInterruptedError(live.id, live.name, 'shutdown'))
  }
}

/** What has not begun goes back to the store without an owner; where nobody could take it, it ends interrupted. */
async function giveUp(
  core: Core,
  attempts: Attempts,
  waiting: readonly LiveTask[],
  isDurable: boolean,
): Promise<void> {
  const rest = new Set([...waiting, ...core.engine.stop()])
  for (const live of core.live.values()) {
    // An attempt that is over may have a body that runs on: its task waits all the same.
    if ((live.attempt === undefined || live.attempt.isOver) && !live.isSettling) rest.add(live)
  }
  await Promise.all(
    [...rest].map(async (live) => {
      if (live.isDone || live.isSettling || live.state.owner !== core.id) return
      if (!isDurable) {
        const outcome = { type: 'interrupt', reason: 'shutdown', requeue: false } as const
        const next = transition(live.spec, live.state, outcome, core.clock.now())
        await new Promise<void>((resolve) => attempts.end(live, next, () => resolve()))
        return
      }
      live.isSettling = true
      const unowned = { ...live.state, owner: null }
      await new Promise((resolve, reject) =>
        core.turnWrites.update(patchOf(core, live, unowned), false, resolve, reject),
      )
      live.state = unowned
      live.isSettling = false
    }),
  )
}

/** Settles when the store has answered all that is being written. */
async function written(core: Core): Promise<void> {
  for (;;) {
    let isWriting = false
    for (const live of core.live.values()) isWriting ||= live.isSettling
    if (!isWriting || core.isClosed()) return
    await delay(core, 5)
  }
}

function countLeft(core: Core): Partial<Record<Status, number>> {
  const left: Partial<Record<Status, number>> = {}
  for (const { state } of core.live.values()) left[state.status] = (left[state.status] ?? 0) + 1
  return left
}

async function closeStore(core: Core): Promise<void> {
  try {
    await callStore(core, 'persist', 'close', () => core.backend.close(ownerNow(core)))
  } catch {
    // The store is away: what was accepted is in it, and is recovered from there.
  }
}

/** Settles with `work`, or after `ms`; never rejects. */
function within(core: Core, ms: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const deadline = core.timers.after(ms, () => resolve())
    const done = (): void => {
      deadline.cancel()
      resolve()
    }
    work.then(done, done)
  })
}
