/** One observer on the bus: hands it events, and counts what becomes of each of them. */

import { adopt, isThenable, type BusListener } from '../events/bus.ts'
import type { EventType, PlainsightEvent } from '../events/event.ts'
import { parseMinLevel } from '../events/level-filter.ts'
import type { Observer, ObserverCounts } from '../observers/observer.ts'
import { exactCounts } from '../task/exact-counts.ts'

/** Exact numbers of one observer: `emitted = delivered + dropped + failed + queued`. */
export interface ObserverStats extends ObserverCounts {
  readonly name: string
  /** Events that passed its filter. */
  readonly emitted: number
}

/** Told of everything that an observer does wrong. */
export type FaultReporter = (observer: string, error: unknown, except: BusListener) => void

// A class: its counters change with every event, and the bus holds it as its listener.
export class AttachedObserver implements BusListener {
  readonly observer: Observer
  readonly name: string
  filter: BusListener['filter']
  readonly types: BusListener['types']
  readonly lifecycle: boolean
  readonly takes: BusListener['takes']
  /** Takes it off the bus. */
  off: () => void = () => {}
  /** On the bus: `start` is over. */
  isStarted = false
  /** Set when it is detached: from then on it is given nothing. */
  closing: Promise<void> | undefined
  droppedReported = 0
  readonly #report: FaultReporter
  #emitted = 0
  #failed = 0
  #pending = 0

  constructor(observer: Observer, name: string, report: FaultReporter) {
    this.observer = observer
    this.name = name
    this.filter = parseMinLevel(observer.minLevel)
    this.types = observer.types === undefined ? undefined : new Set<EventType>(observer.types)
    this.lifecycle = observer.lifecycle !== false
    this.takes = takenBy(observer)
    this.#report = report
  }

  fault(error: unknown): void {
    this.#report(this.name, error, this)
  }

  receive(event: PlainsightEvent): void {
    // Detached by another observer during this very delivery.
    if (this.closing !== undefined) return
    this.#emitted += 1
    const { observer } = this
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
      this.#failed += 1
      this.fault(thrown.error)
    }
    if (isObject(first) || isObject(second)) this.#follow([first, second], thrown !== undefined)
  }

  /** An event whose methods answered with promises is queued until all have settled, and counts once. */
  #follow(answers: readonly unknown[], hasFailed: boolean): void {
    const pending = answers.filter(isThenableSafe)
    if (pending.length === 0) return
    if (!hasFailed) this.#pending += 1
    void Promise.allSettled(pending.map(adopt)).then((ends) => {
      const failed = ends.find((end) => end.status === 'rejected')
      if (!hasFailed) this.#pending -= 1
      if (failed === undefined) return
      if (!hasFailed) this.#failed += 1
      this.fault(failed.reason)
    })
  }

  stats(): ObserverStats {
    return { name: this.name, emitted: this.#emitted, ...this.counts() }
  }

  counts(): ObserverCounts {
    const emitted = this.#emitted
    // Its own numbers count, where it has any.
    const own = exactCounts(() => this.observer.counts?.(), emitted)
    if (own !== undefined) return own
    const delivered = emitted - this.#failed - this.#pending
    return { delivered, dropped: 0, failed: this.#failed, queued: this.#pending }
  }
}

/** A native promise of what an observer's method has answered; one that is no promise has settled. */
export function settled(answer: unknown): Promise<unknown> {
  return isThenableSafe(answer) ? adopt(answer) : Promise.resolve()
}

/** Whether `value` can be awaited; not, when it cannot be looked at. */
export function isThenableSafe(value: unknown): value is PromiseLike<unknown> {
  try {
    return isThenable(value)
  } catch {
    return false
  }
}

/** What the observer has methods for. */
function takenBy(observer: Observer): BusListener['takes'] {
  if (typeof observer.onEvent === 'function') return 'all'
  const takesLogs = typeof observer.onLog === 'function'
  const takesOthers = typeof observer.onLifecycle === 'function'
  if (takesLogs && takesOthers) return 'all'
  return takesLogs ? 'task.log' : takesOthers ? 'lifecycle' : 'nothing'
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
