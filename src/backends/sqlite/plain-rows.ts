/** Records that are nothing but a row of `tasks`: several go in by one statement, for half of what they cost one by one. */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { TaskSpec, TaskState } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import { EMPTY_MAP } from '../../task/tags.ts'
import type { NewRecord } from '../backend.ts'
import { dueLaterAt } from '../due.ts'
import { heldNumber, stateText, statusNumber } from '../state-text.ts'

/** Rows of one statement. */
export const PLAIN_ROWS = 10

/** As they are bound, each after its position. */
const COLUMNS =
  'id, name, queue, priority, status, owner, fence, held, created_at, spec, state, due_at'
const ROW = `(?, ${COLUMNS.replaceAll(/\w+/g, '?')})`

export interface PlainRows {
  /** Inserts `PLAIN_ROWS` rows, each its position and its values, one after the other. Answers how many of them went in. */
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

/** Adds one row to what is to be inserted. */
export function addPlainRow(
  values: SQLInputValue[],
  seq: number,
  spec: TaskSpec,
  state: TaskState,
  owner: number | null,
  text: string,
): void {
  values.push(
    seq,
    spec.id,
    spec.name,
    spec.queue,
    spec.priority,
    statusNumber(state.status),
    owner,
    state.fence,
    heldNumber(state),
    spec.createdAt,
    text,
    stateText(state),
    dueLaterAt(state) ?? null,
  )
}

export function createPlainRows(db: DatabaseSync): PlainRows {
  const rows = Array.from({ length: PLAIN_ROWS }, () => ROW).join(', ')
  const statement = db.prepare(
    `INSERT INTO tasks (seq, ${COLUMNS}) VALUES ${rows} ON CONFLICT (id) DO NOTHING`,
  )
  return { insert: (values) => statement.run(...values).changes }
}
