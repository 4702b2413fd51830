/** Inserting records: all of a call or none, each with the next position. */

import type { DatabaseSync } from 'node:sqlite'
import type { TaskSpec } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import type { InsertResult, NewRecord } from '../backend.ts'
import type { CommitQueue } from './commit-queue.ts'
import { createKeys, keyHash } from './keys.ts'
import { specText, tagsText } from './spec-text.ts'
import { stateText, statusNumber } from './state-text.ts'

/** `ownerNumber` answers the number of an open owner. Runs in a transaction. */
export type Insert = (records: readonly NewRecord[]) => readonly InsertResult[]

/** Specs from this many characters on live in a table of their own: an update writes its whole row again. */
const MAX_INLINE_SPEC = 1_500

export function createInsert(
  db: DatabaseSync,
  queue: CommitQueue,
  ownerNumber: (executorId: string) => number,
): Insert {
  const insertTask = db.prepare(`INSERT INTO tasks
    (seq, id, name, queue, priority, status, owner, fence, held, created_at, ended_at, parent_id, tags, key, spec, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
  const insertSpec = db.prepare('INSERT INTO specs (seq, spec) VALUES (?, ?)')
  const selectLast = db.prepare(`SELECT max(
    (SELECT coalesce(max(seq), 0) FROM tasks), (SELECT value FROM meta WHERE key = 'lastSeq')) AS seq`)
  const selectSame = db.prepare(`SELECT seq,
    coalesce(spec, (SELECT s.spec FROM specs s WHERE s.seq = tasks.seq)) AS spec FROM tasks WHERE id = ?`)
  const selectRetriedBy = db.prepare('SELECT retried_by AS by FROM tasks WHERE id = ?')
  const setRetriedBy = db.prepare('UPDATE tasks SET retried_by = ? WHERE id = ?')
  const savepoint = db.prepare('SAVEPOINT batch')
  const undo = db.prepare('ROLLBACK TO batch')
  const release = db.prepare('RELEASE batch')
  const keys = createKeys(db)
  // Which specs came before, to tell a repeated insert from another record of the same id.
  const given = new WeakSet<TaskSpec>()
  let lastSeq = 0
  let lastSeqOf = -1

  function nextSeq(): number {
    if (lastSeqOf !== queue.transaction) {
      lastSeq = (selectLast.get() as { seq: number }).seq
      lastSeqOf = queue.transaction
    }
    return ++lastSeq
  }

  function insertOne(record: NewRecord): InsertResult {
    const { spec, state, key } = record
    const text = specText(spec)
    let hash: string | null = null
    if (key !== undefined) {
      // The same record again comes before its own key.
      const same = findSame(spec, text)
      if (same !== undefined) return same
    }
    if (spec.retryOf !== undefined && record.mayRetryAgain !== true) {
      const by = (selectRetriedBy.get(spec.retryOf) as { by: string | null } | undefined)?.by
      // The same insert again may come after another retry, by force.
      if (typeof by === 'string') return findSame(spec, text) ?? { type: 'retried', id: by }
    }
    if (key !== undefined) {
      hash = keyHash(spec.name, key.key)
      const conflict = keys.conflict(hash, key, spec.createdAt)
      if (conflict !== undefined) return conflict
    }
    const seq = nextSeq()
    const isInline = text.length <= MAX_INLINE_SPEC
    const { changes } = insertTask.run(
      seq,
      spec.id,
      spec.name,
      spec.queue,
      spec.priority,
      statusNumber(state.status),
      state.owner === null ? null : ownerNumber(state.owner),
      state.fence,
      state.hold === undefined ? 0 : 1,
      spec.createdAt,
      isTerminal(state.status) ? (state.endedAt ?? 0) : null,
      spec.parentId ?? null,
      tagsText(spec.tags),
      hash,
      isInline ? text : null,
      stateText(state),
    )
    if (changes === 0) return findSame(spec, text) ?? { type: 'duplicate', id: spec.id }
    if (!isInline) insertSpec.run(seq, text)
    if (key !== undefined && hash !== null) keys.hold(hash, key, seq, spec.id)
    if (spec.retryOf !== undefined) setRetriedBy.run(spec.id, spec.retryOf)
    return { type: 'inserted', position: seq }
  }

  function findSame(spec: TaskSpec, text: string): InsertResult | undefined {
    const row = selectSame.get(spec.id) as { seq: number; spec: string } | undefined
    if (row === undefined) return undefined
    const isRepeat = given.has(spec) && row.spec === text
    return isRepeat ? { type: 'inserted', position: row.seq } : { type: 'duplicate', id: spec.id }
  }

  function insertAll(records: readonly NewRecord[]): readonly InsertResult[] {
    savepoint.run()
    const seqBefore = records.length > 0 ? nextSeq() : 0
    const results = records.map(insertOne)
    const isRefused = results.some((result) => result.type !== 'inserted')
    if (isRefused) undo.run()
    release.run()
    if (!isRefused) return results
    return results.map((result) => {
      const isGone = result.type === 'inserted' && result.position > seqBefore
      return isGone ? { type: 'inserted', position: -1 } : result
    })
  }

  return (records) => {
    const [first] = records
    const results =
      records.length === 1 && first !== undefined ? [insertOne(first)] : insertAll(records)
    for (const [index, { spec }] of records.entries()) {
      const result = results[index]
      if (result?.type === 'inserted' && result.position !== -1) given.add(spec)
    }
    return results
  }
}
