/** Attaches observers to the bus: starts and closes them, counts every event, and reports what goes wrong. */

import type { Bus } from '../events/bus.ts'
import { EVENT_LEVELS } from '../events/event.ts'
import { executorEvent } from '../events/executor-event.ts'
import type { EventOrigin } from '../events/lifecycle.ts'
import { parseMinLevel } from '../events/level-filter.ts'
import type { MinLevel, Observer, TaskActivity } from '../observers/observer.ts'
import type { Clock } from '../task/clock.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { reading } from '../task/reading.ts'
import type { TimerQueue } from '../task/timer-queue.ts'
import {
  AttachedObserver,
  isThenableSafe,
  settled,
  type ObserverStats,
} from './attached-observer.ts'
import type { AroundObservers } from './core.ts'
import { createObserverFaults } from './observer-faults.ts'

/** How long an observer's `start` may hold up the first task, and its `flush` and `close` the end. */
export const START_DEADLINE_MS = 5_000
export const CLOSE_DEADLINE_MS = 2_000
/** What of that a `flush` may take: one that hangs leaves time for `close`. */
const FLUSH_DEADLINE_MS = 1_600
const REPORT_INTERVAL_MS = 1_000

/** Ends the observation when called; the observer is flushed and closed. */
export interface Observation {
  (): Promise<void>
  readonly name: string
  /** Replaces the observer's `minLevel` from the next event on. */
  setMinLevel(minLevel: MinLevel): void
}

export interface ObserverHost {
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

export function createObserverHost(
  bus: Bus,
  origin: EventOrigin,
  clock: Clock,
  timers: TimerQueue,
  onAroundChange: (around: AroundObservers, wake: (() => void) | undefined) => void,
  activity: () => TaskActivity,
): ObserverHost {
  const attached = new Set<AttachedObserver>()
  const starting = new Set<Promise<void>>()
  const idle = new Set<AttachedObserver>()
  const faults = createObserverFaults(bus, origin, clock, timers)
  const reportFault = faults.report
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
        entry.filter = parseMinLevel(minLevel)
        try {
          observer.levelChanged?.(minLevel)
        } catch (error) {
          entry.fault(error)
        }
        if (!entry.isStarted || entry.closing !== undefined) return
        entry.off()
        entry.off = bus.attach(entry)
      },
    })
  }

  function attach(observer: Observer): AttachedObserver {
    const entry = new AttachedObserver(observer, uniqueName(observer.name), reportFault)
    attached.add(entry)
    let answer: unknown
    try {
      answer = observer.start?.({ report: (error) => entry.fault(error), activity })
    } catch (error) {
      entry.fault(error)
    }
    const go = (): void => {
      if (entry.closing !== undefined) return
      if (isIdle(entry)) idle.add(entry)
      else join(entry)
      refreshAround()
    }
    if (isThenableSafe(answer)) {
      const begun = within(START_DEADLINE_MS, answer, (error) => entry.fault(error)).then(go)
      starting.add(begun)
      void begun.then(() => starting.delete(begun))
    } else {
      go()
    }
    return entry
  }

  function join(entry: AttachedObserver): void {
    idle.delete(entry)
    entry.isStarted = true
    entry.off = bus.attach(entry)
  }

  function isIdle(entry: AttachedObserver): boolean {
    try {
      return entry.observer.isIdle?.() === true
    } catch (error) {
      entry.fault(error)
      return false
    }
  }

  function wake(): void {
    let hasChanged = false
    for (const entry of idle) {
      if (isIdle(entry)) continue
      join(entry)
      hasChanged = true
    }
    if (hasChanged) refreshAround()
  }

  function reportDrops(): void {
    for (const entry of attached) {
      const { dropped } = entry.counts()
      const count = dropped - entry.droppedReported
      if (count <= 0) continue
      entry.droppedReported = dropped
      if (!bus.wanted['observer.dropped']) continue
      const fields = { observer: entry.name, count }
      bus.publish(executorEvent(origin, 'observer.dropped', clock.now(), fields), entry)
    }
  }

  function watchDrops(): void {
    reportDrops()
    timers.after(REPORT_INTERVAL_MS, watchDrops, false)
  }

  function refreshAround(): void {
    const list = [...attached]
      .filter((entry) => entry.isStarted && entry.closing === undefined)
      .map((entry) => entry.observer)
    const having = (hook: keyof AroundObservers): Observer[] =>
      list.filter((each) => typeof each[hook] === 'function')
    const around: AroundObservers = {
      wrapEnqueue: having('wrapEnqueue'),
      wrapRun: having('wrapRun'),
      runInternal: having('runInternal'),
    }
    onAroundChange(around, idle.size > 0 ? wake : undefined)
  }

  function closeOne(entry: AttachedObserver): Promise<void> {
    if (entry.closing !== undefined) return entry.closing
    const { observer } = entry
    const fault = (error: unknown): void => faults.reportEnd(entry.name, error, entry)
    const close = async (): Promise<void> => {
      let flushed: unknown
      try {
        flushed = observer.flush?.()
      } catch (error) {
        fault(error)
      }
      if (isThenableSafe(flushed)) await within(FLUSH_DEADLINE_MS, flushed, fault)
      await settled(observer.close?.())
    }
    entry.off()
    idle.delete(entry)
    // Set before anything of the observer is called: it may look whether it is attached.
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
    observe,
    async started() {
      await Promise.all(starting)
    },
    stats: () => [...attached].map((entry) => entry.stats()),
    reportFault,
    reportHookFault(observer, hook, error) {
      const entry = [...attached].find((each) => each.observer === observer)
      if (entry !== undefined) reportFault(`${entry.name}.${hook}`, error, entry)
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
    throw new InvalidOptionsError(
      'observers',
      'objects with onEvent (or onLog, onLifecycle, wrapRun, …)',
      observer,
    )
  }
  const given = observer as Record<string, unknown>
  const methods = ['onEvent', 'onLog', 'onLifecycle', 'wrapEnqueue', 'wrapRun', 'runInternal']
  if (!methods.some((name) => typeof given[name] === 'function')) {
    throw new InvalidOptionsError(
      'observers',
      `objects with at least one of ${methods.join(', ')}`,
      observer,
    )
  }
  parseMinLevel(given['minLevel'])
  const { types } = given
  if (types === undefined) return
  const isList = Array.isArray(types)
  const wrong: unknown = isList
    ? types.find((type) => !Object.hasOwn(EVENT_LEVELS, String(type)))
    : types
  if (!isList || wrong !== undefined) {
    throw new InvalidOptionsError('types', 'a list of event types such as "task.failed"', wrong)
  }
}
