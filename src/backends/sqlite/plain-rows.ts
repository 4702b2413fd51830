/** Records that are nothing but a row of `tasks`: several go in by one statement, for half of what they cost one by one. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { TaskSpec } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import { EMPTY_MAP } from '../../task/tags.ts'
import type { NewRecord } from '../backend.ts'
import { dueLaterAt } from '../due.ts'
import { heldNumber, statusNumber } from '../state-text.ts'

/** Rows of one statement. */
export const PLAIN_ROWS = 10

/** What the rows of one statement share is bound once: each value that is bound costs. */
const SHARED = 'name, queue, priority, status, owner, fence, held, due_at'
/** What each has of its own, after its position. */
const OWN = 'id, created_at, spec, state'

export interface PlainRows {
  /**
   * Inserts `PLAIN_ROWS` rows: what they share, then of each its position and its own values. Answers how many of them
   * went in.
   */
  insert(values: readonly SQLInputValue[]): number | bigint
}

/** Whether a record has nothing in any other table, nor in the columns that few have. */
export function isPlain({ spec, state, key }: NewRecord): boolean {
  return (
    key === undefined &&
    spec.retryOf === undefined &&
    spec.parentId === undefined &&
    spec.tags === EMPTY_MAP &&
    !isTerminal(state.status)
  )
}

/** Whether `other` can go in by one statement with `first`. */
export function isLike(first: NewRecord, { spec, state }: NewRecord): boolean {
  const { spec: ofFirst, state: state0 } = first
  return (
    spec.name === ofFirst.name &&
    spec.queue === ofFirst.queue &&
    spec.priority === ofFirst.priority &&
    (state === state0 ||
      (state.status === state0.status &&
        state.owner === state0.owner &&
        state.fence === state0.fence &&
        state.hold === state0.hold &&
        dueLaterAt(state) === dueLaterAt(state0)))
  )
}

/** What all rows of a statement share. */
export function sharedValues({ spec, state }: NewRecord, owner: number | null): SQLInputValue[] {
  return [
    spec.name,
    spec.queue,
    spec.priority,
    statusNumber(state.status),
    owner,
    state.fence,
    heldNumber(state),
    dueLaterAt(state) ?? null,
  ]
}

/** Adds one row to what is to be inserted. */
export function addPlainRow(
  values: SQLInputValue[],
  seq: number,
  { id, createdAt }: TaskSpec,
  ofSpec: string,
  ofState: string,
): void {
  values.push(seq, id, createdAt, ofSpec, ofState)
}

export function createPlainRows(db: DatabaseSync): PlainRows {
  const rows = Array.from({ length: PLAIN_ROWS }, () => '(?, ?, ?, ?, ?)').join(', ')
  // The usual ABORT could take back this statement alone, and for that copies each page that it changes. All of the
  // transaction is rolled back here when a statement fails.
  const statement = db.prepare(`INSERT OR FAIL INTO tasks (${SHARED}, seq, ${OWN})
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, column1, column2, column3, column4, column5
    FROM (VALUES ${rows}) WHERE true ON CONFLICT (id) DO NOTHING`)
  return { insert: (values) => statement.run(...values).changes }
}
