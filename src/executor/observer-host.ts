/** Attaches observers to the bus: starts and closes them, counts every event, and reports what goes wrong. */

import { adopt, isThenable, type Bus, type BusListener } from '../events/bus.ts'
import type { EventType, PlainsightEvent } from '../events/event.ts'
import { EVENT_LEVELS } from '../events/event.ts'
import { executorEvent, type EventOrigin } from '../events/lifecycle.ts'
import { parseMinLevel } from '../events/level-filter.ts'
import type { MinLevel, Observer, ObserverCounts } from '../observers/observer.ts'
import type { Clock } from '../task/clock.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { ignoreRejection, reading } from '../task/reading.ts'
import type { TimerQueue } from '../task/timer-queue.ts'
import type { AroundObservers } from './core.ts'
import { createObserverFaults } from './observer-faults.ts'

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
  reportHookFault(observer: Observer, hook: string, error: unknown): void
  /** Publishes the reports that have gathered; later ones would come after the last event, and go to the fallback logger. */
  endReports(): void
  /** Flushes and closes the observers, all at once, for at most 2 s. Nothing is delivered any more. */
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
  /** On the bus: `start` is over. */
  isStarted: boolean
  /** Set when it is detached. */
  closing: Promise<void> | undefined
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
  const faults = createObserverFaults(bus, origin, clock, timers)
  const reportFault = faults.report
  let around: AroundObservers = { wrapEnqueue: [], wrapRun: [], runInternal: [] }
  let unnamed = 0

  function observe(observer: Observer): Observation {
    checkObserver(observer)
    const entry = reading('observers', '', () => attach(observer))
    const off = async (): Promise<void> => {
      await closeOne(entry)
      attached.delete(entry)
      faults.forget(entry.name)
    }
    // A function's own `name` is read-only to assignment, not to definition.
    Object.defineProperty(off, 'name', { value: entry.name })
    return Object.assign(off, {
      setMinLevel(minLevel: MinLevel) {
        entry.listener.filter = parseMinLevel(minLevel)
        if (!entry.isStarted || entry.closing !== undefined) return
        entry.off()
        entry.off = bus.attach(entry.listener)
      },
    })
  }

  function attach(observer: Observer): Attached {
    const filter = parseMinLevel(observer.minLevel)
    const name = uniqueName(observer.name)
    const types = observer.types === undefined ? undefined : new Set<EventType>(observer.types)
    const entry: Attached = {
      observer,
      name,
      listener: {
        name,
        filter,
        types,
        lifecycle: observer.lifecycle !== false,
        takes: takenBy(observer),
        receive: (event) => receive(entry, event),
      },
      emitted: 0,
      threw: 0,
      pending: 0,
      rejected: 0,
      droppedReported: 0,
      off: () => {},
      isStarted: false,
      closing: undefined,
    }
    attached.add(entry)
    let answer: unknown
    try {
      answer = observer.start?.({ report: (error) => reportFault(name, error, entry.listener) })
    } catch (error) {
      reportFault(name, error, entry.listener)
    }
    const go = (): void => {
      if (entry.closing !== undefined) return
      entry.isStarted = true
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
    // Detached by another observer during this very delivery.
    if (entry.closing !== undefined) return
    entry.emitted += 1
    const { observer } = entry
    let first: unknown
    let second: unknown
    let thrown: { readonly error: unknown } | undefined
    // Each in its own try: what one does is no reason to leave the other out.
    try {
      first = observer.onEvent?.(event)
    } catch (error) {
      thrown = { error }
    }
    try {
      second = event.type === 'task.log' ? observer.onLog?.(event) : observer.onLifecycle?.(event)
    } catch (error) {
      thrown ??= { error }
    }
    if (thrown !== undefined) {
      entry.threw += 1
      reportFault(entry.name, thrown.error, entry.listener)
    }
    if (isObject(first) || isObject(second)) follow(entry, [first, second], thrown !== undefined)
  }

  /** Counts an event whose methods answered with promises when all of them have settled: once, whatever happens. */
  function follow(entry: Attached, answers: readonly unknown[], hasFailed: boolean): void {
    const pending = answers.filter(isThenableSafe)
    if (pending.length === 0) return
    if (!hasFailed) entry.pending += 1
    void Promise.allSettled(pending.map(adopt)).then((ends) => {
      const failed = ends.find((end) => end.status === 'rejected')
      if (!hasFailed) entry.pending -= 1
      if (failed === undefined) return
      if (!hasFailed) entry.rejected += 1
      reportFault(entry.name, failed.reason, entry.listener)
    })
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
    try {
      const own = observer.counts?.()
      if (own !== undefined) {
        const { delivered, dropped, queued } = own
        // Its numbers count; what it does not account for (it threw before it counted) has failed.
        const rest = emitted - delivered - dropped - queued
        const isSane = [delivered, dropped, own.failed, queued].every(isCount)
        if (isSane && rest >= own.failed) return { delivered, dropped, failed: rest, queued }
        ignoreRejection(own)
      }
    } catch {
      // Its own numbers are gone: what the bus knows is left.
    }
    return { delivered: emitted - failed - pending, dropped: 0, failed, queued: pending }
  }

  function refreshAround(): void {
    const list = [...attached]
      .filter((entry) => entry.isStarted && entry.closing === undefined)
      .map((entry) => entry.observer)
    const having = (hook: keyof AroundObservers): Observer[] => list.filter((each) => typeof each[hook] === 'function')
    around = { wrapEnqueue: having('wrapEnqueue'), wrapRun: having('wrapRun'), runInternal: having('runInternal') }
    onAroundChange(around)
  }

  function closeOne(entry: Attached): Promise<void> {
    if (entry.closing !== undefined) return entry.closing
    const { observer } = entry
    const fault = (error: unknown): void => reportFault(entry.name, error, entry.listener)
    const close = async (): Promise<void> => {
      try {
        await settled(observer.flush?.())
      } catch (error) {
        fault(error)
      }
      await settled(observer.close?.())
    }
    entry.off()
    // Set before anything of the observer is called: from here on it is given nothing.
    let begin = (): void => {}
    entry.closing = new Promise((resolve) => {
      begin = () => void within(CLOSE_DEADLINE_MS, close(), fault).then(resolve)
    })
    refreshAround()
    begin()
    return entry.closing
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
      settled(answer).then(done, (error: unknown) => {
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
    reportHookFault(observer, hook, error) {
      const entry = [...attached].find((each) => each.observer === observer)
      if (entry !== undefined) reportFault(`${entry.name}.${hook}`, error, entry.listener)
    },
    endReports() {
      reportDrops()
      faults.flush()
      faults.close()
    },
    async close() {
      bus.close()
      await Promise.all([...attached].map((entry) => closeOne(entry)))
    },
  }
}

/** @throws {InvalidOptionsError} INVALID_OPTIONS for anything that cannot observe */
export function checkObserver(observer: unknown): void {
  reading('observers', '', () => checkShape(observer))
}

function checkShape(observer: unknown): void {
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

function settled(answer: unknown): Promise<unknown> {
  return isThenableSafe(answer) ? adopt(answer) : Promise.resolve()
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** What the observer has methods for. */
function takenBy(observer: Observer): BusListener['takes'] {
  if (typeof observer.onEvent === 'function') return 'all'
  const takesLogs = typeof observer.onLog === 'function'
  const takesOthers = typeof observer.onLifecycle === 'function'
  if (takesLogs && takesOthers) return 'all'
  return takesLogs ? 'task.log' : takesOthers ? 'lifecycle' : 'nothing'
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isThenableSafe(value: unknown): value is PromiseLike<unknown> {
  try {
    return isThenable(value)
  } catch {
    return false
  }
}
