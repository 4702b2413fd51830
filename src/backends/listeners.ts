/** Who wants to hear of a store: that unowned records may have come up, that a cancel was asked for, and whatever else it has to tell. */

import type { Backend } from './backend.ts'

/** Functions to be called with the news. */
export class ListenerSet<News extends readonly unknown[]> {
  readonly #listeners = new Set<(...news: News) => void>()

  isEmpty(): boolean {
    return this.#listeners.size === 0
  }

  tell(...news: News): void {
    for (const listener of this.#listeners) listener(...news)
  }

  /** Answers a function that takes it off. */
  add(listener: (...news: News) => void): () => void {
    // One of its own per call: the same function may be given twice and taken off once.
    const own = (...news: News): void => listener(...news)
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }
}

export interface Listeners {
  /** Calls every listener soon, and once however often it is said until then. */
  readonly nudge: () => void
  readonly listen: NonNullable<Backend['onUnowned'] & Backend['onCancel']>
}

export function createListeners(): Listeners {
  const listeners = new ListenerSet<[]>()
  let isNudging = false

  return {
    nudge() {
      if (isNudging || listeners.isEmpty()) return
      isNudging = true
      // Not at once: a listener calls the backend, which may be in the middle of the call that nudges.
      queueMicrotask(() => {
        isNudging = false
        listeners.tell()
      })
    },
    listen: (listener) => listeners.add(listener),
  }
}
