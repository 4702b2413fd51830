/** The trace carriers of attempts: what a hook wrote for one, and what the next is given of it. */

import { attemptOf, type TaskState, type TraceContext } from '../task/record.ts'
import { CARRIER_LIMITS, EMPTY_MAP, stringMap } from '../task/tags.ts'

/** The carrier of the attempt before this one, if it is known. */
export function previousCarrier(state: TaskState): TraceContext | undefined {
  const before = state.history?.at(-1)
  return before?.attempt === attemptOf(state) - 1 ? before.traceContext : undefined
}

/** `written`, checked and frozen; `undefined` when it is empty, or cannot be stored: that is no reason to lose an outcome. */
export function storableCarrier(
  written: Readonly<Record<string, string>> | undefined,
): TraceContext | undefined {
  if (written === undefined) return undefined
  try {
    const carrier = stringMap(written, 'attemptCarrier', CARRIER_LIMITS)
    return carrier === EMPTY_MAP ? undefined : carrier
  } catch {
    return undefined
  }
}
