/** Events as log records, each in the context of the span that it is about. */

import type { Attributes, Context, LogRecord } from '@opentelemetry/api'
import type { PlainsightEvent, TaskEvent } from '../../events/event.ts'
import { eventMessage, isTaskEvent } from '../event-words.ts'
import { ROOT_CONTEXT, context as active } from './api.ts'
import { addTags } from './attributes.ts'
import { extract } from './carrier.ts'
import { addEventAttributes } from './event-attributes.ts'
import { exceptionAttributes } from './exception.ts'
import { addContext, addExtra } from './extras.ts'
import { ATTR, SYSTEM } from './semconv.ts'
import { hrTime, SEVERITY } from './severity.ts'
import { isEnqueuing } from './span-scope.ts'
import type { Telemetry } from './telemetry.ts'

/** Emits `event`, if anybody listens for its severity. */
export function emitRecord(telemetry: Telemetry, event: PlainsightEvent): void {
  const { settings } = telemetry
  const isLine = event.type === 'task.log'
  const severityNumber = SEVERITY[event.level]
  const logger = telemetry.logger()
  const attributes: Attributes = {}
  // Lines of users have a level of their own; for events the number says all.
  const record: LogRecord = isLine
    ? { severityNumber, severityText: event.level, context: ROOT_CONTEXT, attributes }
    : { severityNumber, eventName: `${SYSTEM}.${event.type}`, context: ROOT_CONTEXT, attributes }
  // Asked before anything is looked for; and in no span: whether that has to be sampled is asked again as it is emitted.
  if (!logger.enabled(record)) return
  if (isTaskEvent(event)) {
    record.context = contextOf(telemetry, event)
    attributes[ATTR.messageId] = event.taskId
    attributes[ATTR.taskName] = event.taskName
    attributes[ATTR.attempt] = event.attempt
  }
  if (!isLine) addEventAttributes(attributes, event, telemetry.errorType)
  else if (event.error !== undefined) Object.assign(attributes, exceptionAttributes(event.error))
  if (isTaskEvent(event)) {
    if (event.context !== undefined) addContext(attributes, event.context, settings.flattenExtras)
    if (settings.logTags) addTags(attributes, event.tags, settings)
  }
  if (isLine && event.extra !== undefined) addExtra(attributes, event.extra, settings.flattenExtras)
  record.timestamp = hrTime(event.time)
  // Always a string: what is nested in a body can cost the exporter its whole batch.
  record.body = eventMessage(event)
  logger.emit(record)
}

/** The attempt's span; before there is one, and when it is forgotten, that of the enqueue. Never one that is not the task's. */
function contextOf(telemetry: Telemetry, event: TaskEvent): Context {
  if (event.type === 'task.deduplicated') {
    // It is about the call that found the task there.
    const here = active.active()
    if (isEnqueuing(here)) return here
  } else {
    const attempt = telemetry.attempts.of(event)
    if (attempt !== undefined) return attempt
  }
  return event.traceContext === undefined ? ROOT_CONTEXT : extract(event.traceContext)
}
