/** A record as its row is read. */

import type { CancelRequest, Progress, StoredRecord } from '../../task/record.ts'
import { specFrom, type SpecColumns } from '../spec-text.ts'
import { stateFrom, type StateColumns } from '../state-text.ts'

/** For `SELECT … FROM tasks`. */
export const RECORD_COLUMNS = `
  seq, id, name, queue, priority, status, fence, created_at, ended_at, parent_id, tags, state,
  coalesce(spec, (SELECT s.spec FROM specs s WHERE s.seq = tasks.seq)) AS spec,
  (SELECT o.id FROM owners o WHERE o.seq = tasks.owner) AS owner,
  progress, cancel, retried_by`

export interface RecordRow extends SpecColumns, StateColumns {
  readonly seq: number
  readonly spec: string
  readonly state: string
  readonly owner: string | null
  readonly progress: string | null
  readonly cancel: string | null
  readonly retried_by: string | null
}

export function recordFrom(row: unknown): StoredRecord {
  const columns = row as RecordRow
  const { seq, spec, state, owner, progress, cancel } = columns
  try {
    return {
      spec: specFrom(columns, spec),
      state: stateFrom(columns, owner, state),
      position: seq,
      progress: progress === null ? undefined : (JSON.parse(progress) as Progress),
      cancelRequest: cancel === null ? undefined : (JSON.parse(cancel) as CancelRequest),
      retriedBy: columns.retried_by ?? undefined,
    }
  } catch {
    return damagedRecord(columns)
  }
}

/**
 * What is left of a record whose texts cannot be read: its columns, and an input that is no JSON. So it holds up no
 * other record, and ends as `corrupt` when it is its turn to run.
 */
function damagedRecord(columns: RecordRow): StoredRecord {
  return {
    spec: specFrom({ ...columns, tags: null }, '{}\n'),
    state: stateFrom(columns, columns.owner, `{"dueAt":${columns.created_at}}`),
    position: columns.seq,
  }
}
