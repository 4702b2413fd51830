/** The idempotency keys of the memory backend: who holds which, and until when. */

import { createHeap } from '../../task/heap.ts'
import type { InsertResult, RecordKey } from '../backend.ts'

interface Held {
  readonly index: string
  readonly id: string
  readonly inputHash: string
  readonly heldUntil: number
}

export interface Keys {
  isEmpty(): boolean
  /** What stands in the way of holding `key` at `now`, if anything does. */
  conflict(name: string, key: RecordKey, now: number): InsertResult | undefined
  hold(name: string, key: RecordKey, id: string): void
  /** Lets go of the key, if this record still holds it. */
  free(name: string, key: string, id: string): void
  /** The record is gone: its key goes too, or waits for its time. */
  orphan(name: string, key: string, id: string, now: number): void
  /** Forgets the keys of removed records whose time has come. */
  expire(now: number): void
}

/** `isKept` says whether the record of this id is still in the store. */
export function createKeys(isKept: (id: string) => boolean): Keys {
  const held = new Map<string, Held>()
  const orphans = createHeap<Held>((a, b) => a.heldUntil < b.heldUntil)
  // Task names have no spaces, so that a name and a key never make the index of another pair.
  const indexOf = (name: string, key: string): string => `${name} ${key}`

  return {
    isEmpty: () => held.size === 0,
    conflict(name, key, now) {
      const holder = held.get(indexOf(name, key.key))
      if (holder === undefined || holder.id === key.takeOverFrom) return undefined
      if (holder.heldUntil <= now && !isKept(holder.id)) return undefined
      return { type: 'existing', id: holder.id, sameInput: holder.inputHash === key.inputHash }
    },
    hold(name, key, id) {
      const index = indexOf(name, key.key)
      held.set(index, { index, id, inputHash: key.inputHash, heldUntil: key.heldUntil })
    },
    free(name, key, id) {
      const index = indexOf(name, key)
      if (held.get(index)?.id === id) held.delete(index)
    },
    orphan(name, key, id, now) {
      const holder = held.get(indexOf(name, key))
      if (holder === undefined || holder.id !== id) return
      if (holder.heldUntil <= now) held.delete(holder.index)
      else orphans.push(holder)
    },
    expire(now) {
      for (let next = orphans.peek(); next !== undefined; next = orphans.peek()) {
        if (next.heldUntil > now) return
        orphans.pop()
        // Taken over or held anew in the meantime: the newer holder stays.
        if (held.get(next.index) === next) held.delete(next.index)
      }
    },
  }
}
