/** Closing: in order, in time, and whatever state things are in. */

import * as lifecycle from '../events/lifecycle.ts'
import { durationMs, type Duration } from '../task/duration.ts'
import { TaskInterruptedError } from '../task/errors.ts'
import type { Status } from '../task/status.ts'
import { transition } from '../task/transition.ts'
import type { Attempts } from './attempt.ts'
import { ownerNow, type Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import type { ObserverHost } from './observer-host.ts'
import { callStore } from './persist.ts'
import { forget, writeState } from './settle.ts'
import type { Upkeep } from './upkeep.ts'

export interface CloseOptions {
  /** How long running tasks may go on before they are told to stop. Default `'10s'`. */
  readonly grace?: Duration
}

/** What bodies that were told to stop are given to settle. */
const ABORT_MS = 500
/** What giving up the rest and closing the store may take. */
const STORE_MS = 800

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
): Promise<void> {
  const graceMs = durationMs(options.grace ?? '10s', 'grace', 'close: ')
  const startedAt = core.clock.monotonic()
  const wasOpen = core.phase === 'open'
  core.phase = 'closing'
  const isDurable = core.backend.capabilities.durable !== 'none'
  if (wasOpen) {
    upkeep.stop()
    const waiting = stopWaiting(core, isDurable)
    await runningEnded(core, graceMs, (live) => !live.spec.shield)
    abort(core, (live) => !live.spec.shield)
    const shieldLeftMs = core.options.shieldGraceMs - (core.clock.monotonic() - startedAt)
    await runningEnded(core, Math.max(0, shieldLeftMs), (live) => live.spec.shield, true)
    core.isAborting = true
    abort(core, () => true)
    await runningEnded(core, ABORT_MS, () => true)
    for (const live of core.live.values()) {
      if (live.attempt !== undefined && !live.attempt.isOver) attempts.interrupt(live.attempt)
    }
    await within(core, STORE_MS, giveUp(core, attempts, waiting, isDurable))
  }
  const left = countLeft(core)
  if (core.bus.wanted['executor.closed'] && wasOpen) {
    const fields = { durationMs: Math.round(core.clock.monotonic() - startedAt), left }
    core.bus.publish(lifecycle.executorEvent(core.origin, 'executor.closed', core.clock.now(), fields))
  }
  await observers.close()
  core.phase = 'closed'
  await within(core, STORE_MS, closeStore(core))
  for (const live of [...core.live.values()]) {
    live.isLost = true
    forget(core, live)
  }
  for (const tell of core.onRoom) tell()
  core.timers.clear()
}

/** Takes out what waits. On a store that forgets, shielded work that was accepted is started first. */
function stopWaiting(core: Core, isDurable: boolean): LiveTask[] {
  core.engine.pause()
  if (isDurable) return [...core.engine.stop()]
  const waiting = [...core.live.values()].filter((live) => live.attempt === undefined && core.engine.remove(live))
  const shielded = waiting.filter((live) => live.spec.shield)
  for (const live of shielded) {
    live.dueAt = core.clock.now()
    void core.engine.add(live)
  }
  core.engine.resume()
  return waiting.filter((live) => !live.spec.shield)
}

function isBusy(core: Core, which: (live: LiveTask) => boolean): boolean {
  const isDurable = core.backend.capabilities.durable !== 'none'
  for (const live of core.live.values()) {
    const isRunning = live.attempt !== undefined || live.isSettling || live.hasSlot
    if ((isRunning || (live.spec.shield && !isDurable)) && which(live)) return true
  }
  return false
}

/** Settles when no task of `which` runs any more (nor its hooks, if asked), or after `ms`. */
function runningEnded(
  core: Core,
  ms: number,
  which: (live: LiveTask) => boolean,
  withHooks = false,
): Promise<void> {
  return new Promise((resolve) => {
    const endsAt = core.clock.monotonic() + ms
    const look = (): void => {
      const busy = isBusy(core, which) || (withHooks && core.hooksRunning.size > 0)
      const leftMs = endsAt - core.clock.monotonic()
      if (!busy || leftMs <= 0) resolve()
      else core.timers.after(Math.min(leftMs, 10), look)
    }
    look()
  })
}

function abort(core: Core, which: (live: LiveTask) => boolean): void {
  for (const live of core.live.values()) {
    if (live.attempt === undefined || live.attempt.isOver || !which(live)) continue
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
    if (live.attempt === undefined && !live.isSettling) rest.add(live)
  }
  await Promise.all(
    [...rest].map(async (live) => {
      if (live.isDone || live.isSettling) return
      if (!isDurable) {
        const outcome = { type: 'interrupt', reason: 'shutdown', requeue: false } as const
        const next = transition(live.spec, live.state, outcome, core.clock.now())
        await new Promise<void>((resolve) => attempts.end(live, next, () => resolve()))
        return
      }
      live.isSettling = true
      await writeState(core, live, { ...live.state, owner: null })
      live.state = { ...live.state, owner: null }
      live.isSettling = false
    }),
  )
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
