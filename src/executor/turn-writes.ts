/**
 * What the tasks of one turn have to tell the store, in few calls: each call costs promises and a deadline, and a remote
 * store a round trip. A store that is memory itself answers at once, and is called at once.
 */

import type { InsertEachResult, NewRecord, StatePatch, WriteResult } from '../backends/backend.ts'

/** `now` is of the clock, `nowMs` of the monotonic one. */
export type MakeRecord = (now: number, nowMs: number) => NewRecord

export interface TurnWrites {
  /** Whether something waits to be handed over. */
  isPending: boolean
  /** Whether new records wait for the end of the turn, too. */
  readonly takesInserts: boolean
  /** Records that wait to be made and inserted. */
  unmade: number
  /**
   * Inserts a record, for itself, with the others of this turn. It is made at the end of the turn: bodies that have ended by
   * then have given their slots back. Not repeated when the store rejects it.
   */
  insert(
    makeRecord: MakeRecord,
    answered: (result: InsertEachResult) => void,
    rejected: (error: Error) => void,
  ): void
  /** Writes a state now, where the store answers at once, repeated until it does; `undefined` where it waits for the others. */
  atOnce(patch: StatePatch): WriteResult | Promise<WriteResult> | undefined
  /**
   * Writes a state with the others of this turn, repeated until the store answers. Starts go before the log lines of the
   * turn, ends after them. `gaveUp` is called instead when the executor was closed before.
   */
  update(
    patch: StatePatch,
    isStart: boolean,
    answered: (result: WriteResult) => void,
    gaveUp: (error: Error) => void,
  ): void
  /** Hands over what has to come before a call of this operation that is made now. */
  before(operation: string): void
}
