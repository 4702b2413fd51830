/** The one record of an exception: a log record where there is a logs SDK, else an event of the span. */

import type { Attributes, Context, Span } from '@opentelemetry/api'
import type { Level } from '../../task/level.ts'
import { clip } from '../../task/plain-data.ts'
import type { SerializedError } from '../../task/serialized-error.ts'
import { hrTime, SEVERITY } from './severity.ts'
import { ATTR } from './semconv.ts'
import type { Telemetry } from './telemetry.ts'

/** `exception.*`; the causes are in the stack trace, since there is no attribute for them. */
export function exceptionAttributes(error: SerializedError, stack = true): Attributes {
  const attributes: Attributes = {
    [ATTR.exceptionType]: error.name,
    [ATTR.exceptionMessage]: error.message,
  }
  if (!stack) return attributes
  let text = stackOf(error)
  for (let cause = error.cause; cause !== undefined; cause = cause.cause)
    text += `\nCaused by: ${stackOf(cause)}`
  if (text !== '') attributes[ATTR.exceptionStack] = clip(text)
  return attributes
}

/** Says that `span` met `error`: once, in the way that is listened to. */
export function recordException(
  telemetry: Telemetry,
  what: {
    readonly eventName: string
    readonly level: Level
    readonly error: SerializedError
    readonly withStack: boolean
    readonly time: number
    readonly attributes: Attributes
  },
  span: Span,
  context: Context,
): void {
  const { eventName, level, error, withStack, time, attributes } = what
  const severityNumber = SEVERITY[level]
  const logger = telemetry.logger()
  const exception = exceptionAttributes(error, withStack)
  if (logger.enabled({ context, severityNumber, eventName })) {
    logger.emit({
      eventName,
      severityNumber,
      timestamp: hrTime(time),
      body: `${error.name}: ${error.message}`,
      attributes: { ...attributes, ...exception },
      context,
    })
  } else if (span.isRecording()) {
    // As `recordException` would, but for what it makes of a hostile error.
    span.addEvent('exception', exception, hrTime(time))
  }
}

function stackOf(error: SerializedError): string {
  return error.stack ?? `${error.name}: ${error.message}`
}
