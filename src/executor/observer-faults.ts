/** Reports of observers that misbehave: `observer.error`, at most one a second for each of them. */

import { logFallback } from '../context/fallback-logger.ts'
import type { Bus, BusListener } from '../events/bus.ts'
import { executorEvent } from '../events/executor-event.ts'
import type { EventOrigin } from '../events/lifecycle.ts'
import type { Clock } from '../task/clock.ts'
import { serializeError } from '../task/serialized-error.ts'
import type { Deadline, TimerQueue } from '../task/timer-queue.ts'

const INTERVAL_MS = 1_000

export interface ObserverFaults {
  /** Takes a failure of the observer of this name. `except` is told nothing: it is the one that failed. */
  report(observer: string, error: unknown, except?: BusListener): void
  /** Publishes what has gathered. */
  flush(): void
  /** As `report`, for a failure of its `flush` or `close`: once closed, it goes to the fallback logger in any case. */
  reportEnd(observer: string, error: unknown, except: BusListener): void
  /**
   * From now on nothing is published, for `executor.closed` is the last event. The first failure of an observer that
   * had none before goes to the fallback logger.
   */
  close(): void
  /** The observer is gone. */
  forget(observer: string): void
}

interface Fault {
  count: number
  error: unknown
  lastAtMs: number
  timer: Deadline | undefined
  except: BusListener | undefined
}

export function createObserverFaults(
  bus: Bus,
  origin: EventOrigin,
  clock: Clock,
  timers: TimerQueue,
): ObserverFaults {
  const faults = new Map<string, Fault>()
  let closed = false
  const told = new Set<string>()

  function publish(observer: string, fault: Fault): void {
    const { count, error, except } = fault
    fault.timer?.cancel()
    fault.timer = undefined
    fault.count = 0
    fault.error = undefined
    if (count === 0) return
    fault.lastAtMs = clock.monotonic()
    if (!bus.wanted['observer.error']) return
    const fields = { observer, error: serializeError(error), count }
    bus.publish(executorEvent(origin, 'observer.error', clock.now(), fields), except)
  }

  function logLate(observer: string, error: unknown): void {
    told.add(observer)
    const { name, message } = serializeError(error)
    const what = 'failed after the last event that others could hear of'
    logFallback('warning', `observer "${observer}" ${what}: ${name}: ${message}`)
  }

  const reports: ObserverFaults = {
    report(observer, error, except) {
      if (closed) {
        if (!faults.has(observer) && !told.has(observer)) logLate(observer, error)
        return
      }
      let fault = faults.get(observer)
      if (fault === undefined) {
        fault = { count: 0, error, lastAtMs: -Infinity, timer: undefined, except }
        faults.set(observer, fault)
      }
      fault.count += 1
      fault.error = error
      if (fault.timer !== undefined) return
      const waitMs = fault.lastAtMs + INTERVAL_MS - clock.monotonic()
      const known = fault
      if (waitMs <= 0) publish(observer, known)
      else fault.timer = timers.after(waitMs, () => publish(observer, known), false)
    },
    reportEnd(observer, error, except) {
      if (closed) logLate(observer, error)
      else reports.report(observer, error, except)
    },
    flush() {
      for (const [observer, fault] of faults) publish(observer, fault)
    },
    close() {
      closed = true
    },
    forget(observer) {
      const fault = faults.get(observer)
      if (fault === undefined) return
      publish(observer, fault)
      faults.delete(observer)
    },
  }
  return reports
}
