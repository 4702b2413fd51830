/** What is attached when no `observers` were given: failures and warnings are never silent. */

import { logFallback } from '../context/fallback-logger.ts'
import type { PlainsightEvent } from '../events/event.ts'
import type { Observer } from '../observers/observer.ts'

export function fallbackObserver(): Observer {
  return {
    name: 'fallback',
    minLevel: 'warning',
    onEvent(event) {
      logFallback(event.level, messageOf(event), fieldsOf(event))
    },
  }
}

function messageOf(event: PlainsightEvent): string {
  if (!('taskId' in event)) return event.type
  if (event.type === 'task.log') return `task "${event.taskName}": ${event.message}`
  const why =
    'error' in event && event.error !== undefined
      ? `: ${event.error.name}: ${event.error.message}`
      : ''
  return `${event.type} "${event.taskName}"${why}`
}

function fieldsOf(event: PlainsightEvent): Record<string, unknown> {
  if (!('taskId' in event)) {
    const {
      type: _type,
      level: _level,
      time: _time,
      seq: _seq,
      executorId: _executorId,
      ...fields
    } = event
    return fields
  }
  const { taskId, attempt } = event
  if (event.type === 'task.log') return { ...event.extra, taskId, attempt }
  return 'reason' in event && event.reason !== undefined
    ? { taskId, attempt, reason: event.reason }
    : { taskId, attempt }
}
