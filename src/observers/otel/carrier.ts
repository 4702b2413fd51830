/** Trace context as the record keeps it: an opaque map that the configured propagators write and read. */

import type { Context, SpanContext, TextMapSetter } from '@opentelemetry/api'
import { CARRIER_LIMITS } from '../../task/tags.ts'
import { isSpanContextValid, propagation, ROOT_CONTEXT, trace } from './api.ts'

/** W3C Trace Context, section 3.3.1.5: a longer `tracestate` need not be passed on. */
const MAX_TRACESTATE = 512

/** Writes `context` into `carrier`; what would be too long for the record is left out, so that the rest is kept. */
export function inject(context: Context, carrier: Record<string, string>, baggage: boolean): void {
  propagation.inject(baggage ? context : propagation.deleteBaggage(context), carrier, WITHIN_LIMITS)
}

const WITHIN_LIMITS: TextMapSetter<Record<string, string>> = {
  set(carrier, key, value: unknown) {
    const max = key === 'tracestate' ? MAX_TRACESTATE : CARRIER_LIMITS.maxValueLength
    if (typeof value !== 'string' || value === '' || value.length > max) return
    if (key.length > CARRIER_LIMITS.maxKeyLength) return
    if (hasRoom(carrier)) carrier[key] = value
  },
}

// Carriers have one entry or two: cheaper to count than to list.
function hasRoom(carrier: object): boolean {
  let entries = 0
  for (const _key in carrier) entries += 1
  return entries < CARRIER_LIMITS.maxEntries
}

/** The context that a carrier stands for; the root context when it is empty or cannot be read. */
export function extract(carrier: Readonly<Record<string, string>> | undefined): Context {
  if (carrier === undefined || isEmpty(carrier)) return ROOT_CONTEXT
  try {
    // Never the context of here and now: the record's is all that counts.
    return propagation.extract(ROOT_CONTEXT, carrier)
  } catch {
    return ROOT_CONTEXT
  }
}

function isEmpty(carrier: object): boolean {
  for (const _key in carrier) return false
  return true
}

/** The span that a carrier stands for, if it stands for one. */
export function spanContextIn(
  carrier: Readonly<Record<string, string>> | undefined,
): SpanContext | undefined {
  return validSpanContext(extract(carrier))
}

export function validSpanContext(context: Context): SpanContext | undefined {
  const found = trace.getSpanContext(context)
  return found !== undefined && isSpanContextValid(found) ? found : undefined
}
