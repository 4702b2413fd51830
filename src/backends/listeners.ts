/** Who wants to hear that unowned records may have come up. */

import type { Backend } from './backend.ts'

export interface Listeners {
  /** Calls every listener soon, and once however often it is said until then. */
  readonly nudge: () => void
  readonly onUnowned: NonNullable<Backend['onUnowned']>
}

export function createListeners(): Listeners {
  const listeners = new Set<() => void>()
  let isNudging = false

  return {
    nudge() {
      if (isNudging || listeners.size === 0) return
      isNudging = true
      // Not at once: a listener calls the backend, which may be in the middle of the call that nudges.
      queueMicrotask(() => {
        isNudging = false
        for (const listener of listeners) listener()
      })
    },
    onUnowned(listener) {
      // One of its own per call: the same function may be given twice and taken off once.
      const own = (): void => listener()
      listeners.add(own)
      return () => {
        listeners.delete(own)
      }
    },
  }
}
