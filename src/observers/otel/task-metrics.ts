/** What is counted of tasks, by the events that say so: after the record does. */

import type { PlainsightEvent, TaskEvent } from '../../events/event.ts'
import { isTaskEvent } from '../event-words.ts'
import { ERROR_TYPE, type OutcomeName } from './semconv.ts'
import { seconds } from './severity.ts'
import type { Telemetry } from './telemetry.ts'

/** Counts `event`, if it is one that is counted. */
export function countEvent(telemetry: Telemetry, event: PlainsightEvent): void {
  // Most events are lines, and none of them is counted.
  if (event.type === 'task.log' || !isTaskEvent(event)) return
  if (telemetry.instruments().isSilent) return
  switch (event.type) {
    case 'task.deduplicated':
      telemetry.instruments().deduplications.add(1, plain(telemetry, event, 'enqueue'))
      return
    case 'task.retrying':
      telemetry.instruments().retries.add(1, plain(telemetry, event, 'process'))
      return
    case 'task.requeued':
      countStall(telemetry, event, event.reason)
      return
    case 'task.interrupted':
      countStall(telemetry, event, event.reason)
      ended(telemetry, event, 'interrupted', event.totalMs, ERROR_TYPE.interrupted)
      return
    case 'task.succeeded':
      ended(telemetry, event, 'succeeded', event.totalMs, undefined)
      return
    case 'task.failed': {
      const outcome = event.reason === 'timeout' ? 'timed_out' : 'failed'
      const errorType = telemetry.errorType(event.reason, event.error.name)
      ended(telemetry, event, outcome, event.totalMs, errorType)
      return
    }
    case 'task.cancelled':
      ended(telemetry, event, 'cancelled', event.totalMs, undefined)
      return
    case 'task.expired':
      ended(telemetry, event, 'expired', event.totalMs, undefined)
      return
    default:
  }
}

function plain(
  telemetry: Telemetry,
  { taskName: name, queue, tags }: TaskEvent,
  operation: 'enqueue' | 'process',
): ReturnType<Telemetry['metricAttributes']> {
  return telemetry.metricAttributes({ operation, name, queue, tags })
}

// An orderly shutdown is no stall.
function countStall(telemetry: Telemetry, event: TaskEvent, reason: string): void {
  if (reason === 'crash' || reason === 'lease_lost')
    telemetry.instruments().stalls.add(1, plain(telemetry, event, 'process'))
}

function ended(
  telemetry: Telemetry,
  { taskName: name, queue, tags }: TaskEvent,
  outcome: OutcomeName,
  totalMs: number,
  errorType: string | undefined,
): void {
  const subject = { operation: 'process' as const, name, queue, tags, outcome, errorType }
  const attributes = telemetry.metricAttributes(subject)
  telemetry.instruments().taskDuration.record(seconds(totalMs), attributes)
}
