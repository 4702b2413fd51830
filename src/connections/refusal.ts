/** Refusals of our own: errors whose message says it all. */

import { BackendUnavailableError, type BackendErrorReason } from '../task/errors.ts'

export type Refuse = (
  reason: BackendErrorReason,
  operation: string,
  message: string,
  cause?: unknown,
) => BackendUnavailableError

/** What makes those of one kind of store. */
export function refusalsOf(store: 'redis' | 'sqlite'): Refuse {
  return (reason, operation, message, cause) => {
    const options = cause === undefined ? undefined : { cause }
    return new BackendUnavailableError(store, operation, reason, message, options)
  }
}
