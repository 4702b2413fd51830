/** What a log record says of an event, beside whose it is. Nothing that the span says already; no payload. */

import type { Attributes } from '@opentelemetry/api'
import type { LogEvent, PlainsightEvent } from '../../events/event.ts'
import { exceptionAttributes } from './exception.ts'
import { ATTR } from './semconv.ts'
import { seconds } from './severity.ts'
import type { Telemetry } from './telemetry.ts'

/** Adds to `attributes` what is particular to the type of `event`. */
export function addEventAttributes(
  attributes: Attributes,
  event: Exclude<PlainsightEvent, LogEvent>,
  errorType: Telemetry['errorType'],
): void {
  const set = (name: string, value: string | number | boolean | undefined): void => {
    if (value !== undefined) attributes[name] = value
  }
  switch (event.type) {
    case 'task.enqueued':
      set(ATTR.source, event.source)
      return
    case 'task.scheduled':
      set(ATTR.source, event.source)
      set(ATTR.scheduledAt, isoTime(event.runAt))
      set(ATTR.delay, seconds(Math.max(0, event.runAt - event.time)))
      return
    case 'attempt.started':
      set(ATTR.waitDuration, seconds(event.waitMs))
      return
    case 'task.progress':
      set(ATTR.progressDone, event.done)
      set(ATTR.progressTotal, event.total)
      if (event.total !== undefined && event.total > 0)
        set(ATTR.progressRatio, Math.min(1, event.done / event.total))
      return
    case 'attempt.failed':
      // The exception has a record of its own, with the stack.
      set(ATTR.errorType, errorType(event.reason, event.error.name))
      set(ATTR.failureReason, event.reason)
      set(ATTR.attemptDuration, seconds(event.durationMs))
      return
    case 'attempt.summary':
      set(ATTR.outcome, event.outcome)
      if (event.runMs !== undefined) set(ATTR.attemptDuration, seconds(event.runMs))
      if (event.waitMs !== undefined) set(ATTR.waitDuration, seconds(event.waitMs))
      return
    case 'task.retrying':
      set(ATTR.retryDelay, seconds(event.delayMs))
      return
    case 'task.succeeded':
      set(ATTR.attemptDuration, seconds(event.durationMs))
      set(ATTR.taskDuration, seconds(event.totalMs))
      set(ATTR.resultBytes, event.resultBytes)
      return
    case 'task.failed':
      set(ATTR.errorType, errorType(event.reason, event.error.name))
      set(ATTR.failureReason, event.reason)
      set(ATTR.attemptDuration, seconds(event.durationMs))
      set(ATTR.taskDuration, seconds(event.totalMs))
      set(ATTR.expected, event.expected)
      return
    case 'task.cancel_requested':
      set(ATTR.cancelReason, event.reason)
      set(ATTR.cancelBy, event.by)
      return
    case 'task.cancelled':
      set(ATTR.cancelReason, event.reason)
      set(ATTR.cancelBy, event.by)
      if (event.durationMs !== undefined) set(ATTR.attemptDuration, seconds(event.durationMs))
      set(ATTR.taskDuration, seconds(event.totalMs))
      return
    case 'task.interrupted':
      set(ATTR.interruptReason, event.reason)
      if (event.durationMs !== undefined) set(ATTR.attemptDuration, seconds(event.durationMs))
      set(ATTR.taskDuration, seconds(event.totalMs))
      return
    case 'task.requeued':
      set(ATTR.interruptReason, event.reason)
      return
    case 'task.expired':
      set(ATTR.expiredAt, isoTime(event.expiredAt))
      set(ATTR.taskDuration, seconds(event.totalMs))
      return
    case 'attempt.overrun':
      set(ATTR.attemptOverrun, seconds(event.overrunMs))
      return
    case 'attempt.discarded':
      set(ATTR.discardReason, event.reason)
      return
    case 'hook.error':
      set(ATTR.hook, event.hook)
      Object.assign(attributes, exceptionAttributes(event.error))
      return
    case 'executor.loop_blocked':
      set(ATTR.blocked, seconds(event.blockedMs))
      return
    case 'executor.unknown_task':
      set(ATTR.taskName, event.name)
      set(ATTR.count, event.count)
      return
    case 'queue.paused':
    case 'queue.resumed':
      set(ATTR.queue, event.queue)
      return
    case 'observer.error':
      set(ATTR.observer, event.observer)
      set(ATTR.count, event.count)
      Object.assign(attributes, exceptionAttributes(event.error))
      return
    case 'observer.dropped':
      set(ATTR.observer, event.observer)
      set(ATTR.count, event.count)
      return
    case 'backend.error':
      set(ATTR.operation, event.operation)
      set(ATTR.code, event.code)
      set(ATTR.count, event.count)
      Object.assign(attributes, exceptionAttributes(event.error))
      return
    default:
    // `task.deduplicated`, `executor.started`, `executor.closed`: their body says it. So does that of a type from a newer
    // executor.
  }
}

function isoTime(ms: number): string | undefined {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
