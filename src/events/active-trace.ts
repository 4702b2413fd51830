/** The span that is active here, told by whoever knows: the OpenTelemetry observer, once there is one. */

/** Whose span it is: 32 and 16 hex digits. */
export interface ActiveTrace {
  readonly traceId: string
  readonly spanId: string
}

let read: (() => ActiveTrace | undefined) | undefined

export function setActiveTrace(reader: () => ActiveTrace | undefined): void {
  read = reader
}

/** The active span; `undefined` when there is none, or nobody who would know. Never throws. */
export function activeTrace(): ActiveTrace | undefined {
  try {
    const found = read?.()
    return found === undefined || /^0*$/.test(found.traceId) ? undefined : found
  } catch {
    return undefined
  }
}
