/** Who wants to hear what the user of a store should know. */

import type { BackendUnavailableError } from '../../task/errors.ts'
import type { Backend } from '../backend.ts'

export interface Warnings {
  readonly warn: (warning: BackendUnavailableError) => void
  readonly onWarning: NonNullable<Backend['onWarning']>
}

export function createWarnings(): Warnings {
  const listeners = new Set<(warning: BackendUnavailableError) => void>()

  return {
    warn(warning) {
      for (const listener of listeners) listener(warning)
    },
    onWarning(listener) {
      // One of its own per call: the same function may be given twice and taken off once.
      const own = (warning: BackendUnavailableError): void => listener(warning)
      listeners.add(own)
      return () => void listeners.delete(own)
    },
  }
}
