/** Idempotency keys: who holds which, and until when. Runs in a transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { InsertResult, RecordKey } from '../backend.ts'

export interface Keys {
  /** What stands in the way of holding this key at `now`, if anything does. */
  conflict(hash: string, key: RecordKey, now: number): InsertResult | undefined
  hold(hash: string, key: RecordKey, seq: number, id: string): void
}

export function createKeys(db: DatabaseSync): Keys {
  const select = db.prepare('SELECT id, input_hash, held_until, orphan FROM keys WHERE key = ?')
  const replace = db.prepare(`INSERT OR REPLACE INTO keys (key, seq, id, input_hash, held_until)
    VALUES (?, ?, ?, ?, ?)`)

  return {
    conflict(hash, key, now) {
      const holder = select.get(hash) as
        | { id: string; input_hash: string; held_until: number; orphan: number }
        | undefined
      if (holder === undefined || holder.id === key.takeOverFrom) return undefined
      if (holder.orphan === 1 && holder.held_until <= now) return undefined
      return { type: 'existing', id: holder.id, sameInput: holder.input_hash === key.inputHash }
    },
    hold(hash, key, seq, id) {
      replace.run(hash, seq, id, key.inputHash, key.heldUntil)
    },
  }
}
