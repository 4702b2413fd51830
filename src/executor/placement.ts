/** Brings tasks that are not running to the engine: fresh from an insert, claimed, or taken over. */

import { executorEvent } from '../events/executor-event.ts'
import type { StoredRecord, TaskState } from '../task/record.ts'
import { resolveOptions } from '../task/resolve-options.ts'
import { isTerminal } from '../task/status.ts'
import { transition } from '../task/transition.ts'
import type { Endings } from './endings.ts'
import type { Core } from './core.ts'
import { LiveTask } from './live-task.ts'
import { countStoredLogs } from './log-store.ts'
import type { Registered } from './registry.ts'
import { optionsFor } from './run-options.ts'
import { forget } from './settle.ts'
import type { TakenOver } from './window.ts'

/** Hands a task to the engine, unless it was cancelled meanwhile. A promise when the engine runs it in the caller. */
export function placeTask(core: Core, endings: Endings, live: LiveTask): void | Promise<void> {
  const request = live.cancelRequest
  if (request !== undefined) {
    const next = transition(live.spec, live.state, { type: 'cancel', ...request }, core.clock.now())
    return new Promise((resolve) => endings.end(live, next, () => resolve()))
  }
  const { expiresAt } = live.spec
  if (expiresAt === undefined) return core.engine.add(live)
  const now = core.clock.now()
  if (expiresAt <= now) return new Promise((resolve) => expire(core, endings, live, resolve))
  live.expiry ??= core.timers.after(
    expiresAt - now,
    () => {
      live.expiry = undefined
      if (live.isDone || live.isSettling || live.attempt !== undefined || !core.engine.remove(live))
        return
      expire(core, endings, live)
    },
    false,
  )
  return core.engine.add(live)
}

function expire(core: Core, endings: Endings, live: LiveTask, then?: () => void): void {
  endings.end(live, transition(live.spec, live.state, { type: 'expire' }, core.clock.now()), then)
}

/**
 * Takes in a record that the store has just given to this executor: one that waits goes to the engine, one that
 * was running was cut off, and is requeued, interrupted, or failed as a crash loop.
 */
export function takeOverRecord(
  core: Core,
  endings: Endings,
  stored: StoredRecord,
): Promise<TakenOver> {
  const { spec, state } = stored
  // Handed to observers and bodies as they are: nobody may change what others see.
  for (const shared of [spec.tags, spec.headers, spec.context, spec.traceContext])
    Object.freeze(shared)
  const registered = core.registry.get(spec.name)
  if (registered === undefined || isTerminal(state.status)) return Promise.resolve('claimed')
  // A late answer: the look for what lost answers gave was faster, and had it too.
  const here = core.live.get(spec.id)
  if (here !== undefined && here.state.fence >= state.fence) return Promise.resolve('claimed')
  const live = new LiveTask(
    registered,
    core.window.takeOptions(spec.id) ?? optionsFor(registered, spec),
    spec,
    state,
    stored.position,
    false,
  )
  live.cancelRequest = stored.cancelRequest
  // Pending is due, whatever the clock of who wrote it said.
  if (state.status === 'pending') live.dueAt = Math.min(live.dueAt, core.clock.now())
  core.live.add(live)
  if (state.status !== 'running') {
    const placed = placeTakenOver(core, endings, live)
    return placed === undefined ? Promise.resolve('claimed') : placed.then(() => 'claimed')
  }
  const request = live.cancelRequest
  if (request !== undefined) {
    const next = transition(spec, state, { type: 'cancel', ...request }, core.clock.now())
    return new Promise((resolve) => endings.end(live, next, () => resolve('interrupted')))
  }
  const next = transition(spec, state, { type: 'interrupt', reason: 'crash' }, core.clock.now())
  return new Promise((resolve) => {
    endings.recover(live, next, (isOurs) => {
      const { status } = live.state
      if (isOurs && status === 'pending') {
        resolve('requeued')
        void placeTakenOver(core, endings, live)
        return
      }
      resolve(status === 'failed' ? 'failed' : 'interrupted')
    })
  })
}

/** Places a task that may have logged elsewhere: its log caps go on from there. Waits for the store, not for the task. */
function placeTakenOver(core: Core, endings: Endings, live: LiveTask): void | Promise<void> {
  const place = (): void => {
    if (live.isLost) forget(core, live)
    // What a closing executor has not placed yet is given up with what waits.
    if (live.isDone || live.isSettling || core.phase === 'closing' || core.isClosed()) return
    void placeTask(core, endings, live)
  }
  const counted = countStoredLogs(core, live)
  if (counted !== undefined) return counted.then(place)
  place()
  return undefined
}

/** Ends a record that was just claimed, such as for a cancel; its task need not be registered here. */
export function endUnplaced(
  core: Core,
  endings: Endings,
  stored: StoredRecord,
  next: TaskState,
): Promise<boolean> {
  const { spec, state } = stored
  const { name } = spec
  const registered = core.registry.get(name) ?? unregistered(name)
  const options = core.window.takeOptions(spec.id) ?? registered.options
  const live = new LiveTask(registered, options, spec, state, stored.position, false)
  return new Promise((resolve) => endings.end(live, next, resolve))
}

function unregistered(name: string): Registered {
  return {
    name,
    task: undefined,
    layer: {},
    options: resolveOptions({}, ''),
    concurrency: Infinity,
  }
}

/** Says that tasks wait whose code is not here. */
export function reportUnknown(core: Core, name: string, count: number): void {
  if (!core.bus.wanted['executor.unknown_task']) return
  const fields = { name, count }
  core.bus.publish(executorEvent(core.origin, 'executor.unknown_task', core.clock.now(), fields))
}
