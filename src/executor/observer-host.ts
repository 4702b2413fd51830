/** Attaches observers to the bus: starts and closes them, counts every event, and reports what goes wrong. */

import { isThenable, type Bus, type BusListener } from '../events/bus.ts'
import type { EventType, PlainsightEvent } from '../events/event.ts'
import { EVENT_LEVELS } from '../events/event.ts'
import { executorEvent, type EventOrigin } from '../events/lifecycle.ts'
import { parseMinLevel, type LevelFilter } from '../events/level-filter.ts'
import type { MinLevel, Observer, ObserverCounts } from '../observers/observer.ts'
import type { Clock } from '../task/clock.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { serializeError } from '../task/serialized-error.ts'
import type { Deadline, TimerQueue } from '../task/timer-queue.ts'
import type { AroundObservers } from './core.ts'

/** How long an observer's `start` may hold up the first task, and its `flush` and `close` the end. */
export const START_DEADLINE_MS = 5_000
export const CLOSE_DEADLINE_MS = 2_000
const REPORT_INTERVAL_MS = 1_000

/** Exact numbers of one observer: `emitted = delivered + dropped + failed + queued`. */
export interface ObserverStats extends ObserverCounts {
  readonly name: string
  /** Events that passed its filter. */
  readonly emitted: number
}

/** Ends the observation when called; the observer is flushed and closed. */
export interface Observation {
  (): Promise<void>
  readonly name: string
  /** Replaces the observer's `minLevel` from the next event on. */
  setMinLevel(minLevel: MinLevel): void
}

export interface ObserverHost {
  readonly around: AroundObservers
  /** Attaches and starts an observer. */
  observe(observer: Observer): Observation
  /** Settles when the observers attached so far have started, or after 5 s. */
  started(): Promise<void>
  stats(): readonly ObserverStats[]
  /** Told of what an around-hook or an `events.on` listener did wrong. */
  reportFault(observer: string, error: unknown): void
  close(): Promise<void>
}

interface Attached {
  readonly observer: Observer
  readonly listener: BusListener
  readonly name: string
  emitted: number
  threw: number
  pending: number
  rejected: number
  droppedReported: number
  off: () => void
  isClosed: boolean
}

interface FaultReport {
  count: number
  error: unknown
  lastAtMs: number
  timer: Deadline | undefined
}

export function createObserverHost(
  bus: Bus,
  origin: EventOrigin,
  clock: Clock,
  timers: TimerQueue,
  onAroundChange: (around: AroundObservers) => void,
): ObserverHost {
  const attached = new Set<Attached>()
  const starting = new Set<Promise<void>>()
  const faults = new Map<string, FaultReport>()
  let around: AroundObservers = { wrapEnqueue: [], wrapRun: [], runInternal: [] }
  let unnamed = 0

  function observe(observer: Observer): Observation {
    checkObserver(observer)
    const entry = attach(observer)
    const off = async (): Promise<void> => {
      entry.off()
      await closeOne(entry)
    }
    return Object.assign(off, {
      // A function's own `name` is read-only to assignment, not to definition.
      setMinLevel(minLevel: MinLevel) {
        const filter = parseMinLevel(minLevel)
        entry.off()
        ;(entry.listener as { filter: LevelFilter }).filter = filter
        if (!entry.isClosed) entry.off = bus.attach(entry.listener)
      },
    }, ) as unknown as Observation
  }

  function attach(observer: Observer): Attached {
    const filter = parseMinLevel(observer.minLevel)
    const name = uniqueName(observer.name)
    const types = observer.types === undefined ? undefined : new Set<EventType>(observer.types)
    const entry: Attached = {
      observer,
      name,
      listener: { name, filter, types, lifecycle: observer.lifecycle !== false, receive: (event) => receive(entry, event) },
      emitted: 0,
      threw: 0,
      pending: 0,
      rejected: 0,
      droppedReported: 0,
      off: () => {},
      isClosed: false,
    }
    attached.add(entry)
    let answer: unknown
    try {
      answer = observer.start?.()
    } catch (error) {
      reportFault(name, error, entry.listener)
    }
    const go = (): void => {
      if (entry.isClosed) return
      entry.off = bus.attach(entry.listener)
      refreshAround()
    }
    if (isThenableSafe(answer)) {
      const begun = within(START_DEADLINE_MS, answer, (error) => reportFault(name, error, entry.listener)).then(go)
      starting.add(begun)
      void begun.then(() => starting.delete(begun))
    } else {
      go()
    }
    return entry
  }

  function receive(entry: Attached, event: PlainsightEvent): void {
    entry.emitted += 1
    const { observer } = entry
    try {
      let answer = observer.onEvent?.(event)
      if (event.type === 'task.log') answer = observer.onLog?.(event) ?? answer
      else answer = observer.onLifecycle?.(event) ?? answer
      if (answer !== undefined && isThenable(answer)) follow(entry, answer)
    } catch (error) {
      entry.threw += 1
      reportFault(entry.name, error, entry.listener)
    }
  }

  function follow(entry: Attached, answer: PromiseLike<unknown>): void {
    entry.pending += 1
    const done = (): void => {
      entry.pending -= 1
    }
    Promise.resolve(answer).then(done, (error: unknown) => {
      done()
      entry.rejected += 1
      reportFault(entry.name, error, entry.listener)
    })
  }

  // At most one report a second for each observer: the first at once, then what has gathered.
  function reportFault(name: string, error: unknown, except?: BusListener): void {
    let fault = faults.get(name)
    if (fault === undefined) {
      fault = { count: 0, error, lastAtMs: -Infinity, timer: undefined }
      faults.set(name, fault)
    }
    fault.count += 1
    fault.error = error
    if (fault.timer !== undefined) return
    const waitMs = fault.lastAtMs + REPORT_INTERVAL_MS - clock.monotonic()
    if (waitMs <= 0) publishFault(name, fault, except)
    else fault.timer = timers.after(waitMs, () => publishFault(name, fault, except), false)
  }

  function publishFault(name: string, fault: FaultReport, except?: BusListener): void {
    const { count, error } = fault
    fault.timer?.cancel()
    fault.timer = undefined
    fault.count = 0
    fault.lastAtMs = clock.monotonic()
    if (count === 0 || !bus.wanted['observer.error']) return
    const fields = { observer: name, error: serializeError(error), count }
    bus.publish(executorEvent(origin, 'observer.error', clock.now(), fields), except)
  }

  function reportDrops(): void {
    for (const entry of attached) {
      const dropped = countsOf(entry).dropped
      const count = dropped - entry.droppedReported
      if (count <= 0) continue
      entry.droppedReported = dropped
      if (!bus.wanted['observer.dropped']) continue
      const fields = { observer: entry.name, count }
      bus.publish(executorEvent(origin, 'observer.dropped', clock.now(), fields), entry.listener)
    }
  }

  function watchDrops(): void {
    reportDrops()
    timers.after(REPORT_INTERVAL_MS, watchDrops, false)
  }

  function countsOf(entry: Attached): ObserverCounts {
    const { emitted, threw, pending, rejected, observer } = entry
    const failed = threw + rejected
    if (observer.counts !== undefined) {
      try {
        const own = observer.counts()
        return { delivered: own.delivered, dropped: own.dropped, failed: own.failed + threw, queued: own.queued }
      } catch {
        // Its own numbers are gone: what the bus knows is left.
      }
    }
    return { delivered: emitted - failed - pending, dropped: 0, failed, queued: pending }
  }

  function refreshAround(): void {
    const list = [...attached].filter((entry) => !entry.isClosed).map((entry) => entry.observer)
    const having = (hook: keyof AroundObservers): Observer[] => list.filter((each) => typeof each[hook] === 'function')
    around = { wrapEnqueue: having('wrapEnqueue'), wrapRun: having('wrapRun'), runInternal: having('runInternal') }
    onAroundChange(around)
  }

  async function closeOne(entry: Attached): Promise<void> {
    if (entry.isClosed) return
    entry.isClosed = true
    refreshAround()
    const { observer } = entry
    const fault = (error: unknown): void => reportFault(entry.name, error, entry.listener)
    await within(CLOSE_DEADLINE_MS, (async () => {
      try {
        await observer.flush?.()
      } catch (error) {
        fault(error)
      }
      await observer.close?.()
    })(), fault)
  }

  function uniqueName(given: unknown): string {
    const name = typeof given === 'string' && given !== '' ? given.slice(0, 100) : 'observer'
    const taken = new Set([...attached].map((entry) => entry.name))
    if (!taken.has(name)) return name
    for (;;) {
      unnamed += 1
      if (!taken.has(`${name}-${unnamed + 1}`)) return `${name}-${unnamed + 1}`
    }
  }

  /** Settles with `answer`, or after `ms` with a fault; never rejects. */
  function within(ms: number, answer: unknown, fault: (error: unknown) => void): Promise<void> {
    return new Promise((resolve) => {
      const deadline = timers.after(ms, () => {
        fault(new Error(`still pending after ${ms} ms`))
        resolve()
      })
      const done = (): void => {
        deadline.cancel()
        resolve()
      }
      Promise.resolve(answer).then(done, (error: unknown) => {
        fault(error)
        done()
      })
    })
  }

  timers.after(REPORT_INTERVAL_MS, watchDrops, false)

  return {
    get around() {
      return around
    },
    observe,
    async started() {
      await Promise.all(starting)
    },
    stats: () =>
      [...attached].map((entry) => ({ name: entry.name, emitted: entry.emitted, ...countsOf(entry) })),
    reportFault,
    async close() {
      reportDrops()
      for (const [name, fault] of faults) publishFault(name, fault)
      await Promise.all([...attached].map((entry) => closeOne(entry)))
      for (const entry of attached) entry.off()
    },
  }
}

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything that cannot observe */
export function checkObserver(observer: unknown): void {
  if (typeof observer !== 'object' || observer === null) {
    throw new InvalidOptionsError('observers', 'objects with onEvent (or onLog, onLifecycle, wrapRun, …)', observer)
  }
  const given = observer as Record<string, unknown>
  const methods = ['onEvent', 'onLog', 'onLifecycle', 'wrapEnqueue', 'wrapRun', 'runInternal']
  if (!methods.some((name) => typeof given[name] === 'function')) {
    throw new InvalidOptionsError('observers', `objects with at least one of ${methods.join(', ')}`, observer)
  }
  parseMinLevel(given['minLevel'])
  const { types } = given
  if (types === undefined) return
  const isList = Array.isArray(types)
  const wrong: unknown = isList ? types.find((type) => !Object.hasOwn(EVENT_LEVELS, String(type))) : types
  if (!isList || wrong !== undefined) {
    throw new InvalidOptionsError('types', 'a list of event types such as "task.failed"', wrong)
  }
}

function isThenableSafe(value: unknown): value is PromiseLike<unknown> {
  try {
    return isThenable(value)
  } catch {
    return false
  }
}
