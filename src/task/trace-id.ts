/** The trace id in a carrier, for people and lists; what else is in it is the propagator's affair. */

import type { TraceContext } from './record.ts'

// W3C Trace Context, section 3.2: version, trace id, parent id, flags. All zeros is no trace.
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/
// B3, in one header or several: 128 bits, or 64.
const B3 = /^(?!0+(?:-|$))([0-9a-f]{32}|[0-9a-f]{16})(?:-|$)/

/** Of a carrier of W3C Trace Context or B3: 32 hex digits (of B3 also 16); `undefined` for any other. */
export function traceIdOf(carrier: TraceContext | undefined): string | undefined {
  if (carrier === undefined) return undefined
  const { traceparent, b3 = carrier['x-b3-traceid'] } = carrier
  return TRACEPARENT.exec(traceparent ?? '')?.[1] ?? B3.exec(b3 ?? '')?.[1]
}
