/** New states of the same kind: several are written by one statement, for two thirds of what they cost one by one. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { TaskState } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import type { StatePatch } from '../backend.ts'
import { heldNumber, stateText, statusNumber } from '../state-text.ts'

/** Patches of one statement. */
export const PLAIN_PATCHES = 10

export interface PlainPatches {
  /**
   * Writes `PLAIN_PATCHES` patches that are all like the first. Answers how many of them were written.
   *
   * `writer` is the owner of all records.
   */
  write(patches: readonly StatePatch[], writer: number): number
}

/** Whether the patch is a start or an end with nothing to it but the state. */
export function isPlainPatch({ owner, state, freesKey }: StatePatch): boolean {
  if (freesKey || heldNumber(state) !== 0) return false
  return state.owner === owner || (state.owner === null && isTerminal(state.status))
}

/** Whether `other` can be written by one statement with `first`; both are plain. */
export function isLikePatch(first: StatePatch, other: StatePatch): boolean {
  return (
    other.owner === first.owner &&
    other.fence === first.fence &&
    other.unlessCancelled === first.unlessCancelled &&
    other.state.status === first.state.status &&
    other.state.owner === first.state.owner &&
    other.state.fence === first.state.fence
  )
}

/** `ended_at` of a state. */
export function endedAtOf(state: TaskState): number | null {
  return isTerminal(state.status) ? (state.endedAt ?? 0) : null
}

export function createPlainPatches(db: DatabaseSync): PlainPatches {
  // What all share is bound once: each value that is bound costs. FAIL: see plain-rows.ts.
  const prepare = (set: string, row: string): ReturnType<DatabaseSync['prepare']> =>
    db.prepare(`UPDATE OR FAIL tasks SET status = ?, fence = ?, held = 0, due_at = NULL, ${set}
      FROM (VALUES ${Array.from({ length: PLAIN_PATCHES }, () => row).join(', ')}) AS new
      WHERE seq = new.column1 AND +owner = ? AND fence = ? AND (cancel IS NULL OR ? = 0)`)
  const keepOwner = prepare('state = new.column2', '(?, ?)')
  const endOwned = prepare('state = new.column2, owner = NULL, ended_at = new.column3', '(?, ?, ?)')

  return {
    write(patches, writer) {
      const [{ state: first, fence, owner, unlessCancelled }] = patches as readonly [StatePatch]
      const keeps = first.owner === owner
      const values: SQLInputValue[] = [statusNumber(first.status), first.fence]
      for (const { position, state } of patches) {
        values.push(position, stateText(state))
        if (!keeps) values.push(endedAtOf(state))
      }
      values.push(writer, fence, unlessCancelled === true ? 1 : 0)
      return Number((keeps ? keepOwner : endOwned).run(...values).changes)
    },
  }
}
