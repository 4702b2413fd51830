/** Inserting records: all of a call or none, each with the next position. */

import type { DatabaseSync } from 'node:sqlite'
import type { TaskSpec } from '../../task/record.ts'
import { isTerminal } from '../../task/status.ts'
import type { InsertResult, NewRecord } from '../backend.ts'
import { dueLaterAt } from '../due.ts'
import { keyHash } from '../key-hash.ts'
import type { CommitQueue } from './commit-queue.ts'
import type { Counts } from './counts.ts'
import { createCreationClock } from './creation-order.ts'
import { createKeys } from './keys.ts'
import type { Lease } from './lease.ts'
import {
  addPlainRow,
  createPlainRows,
  isLike,
  isPlain,
  PLAIN_ROWS,
  sharedValues,
} from './plain-rows.ts'
import { specText, tagsText, tagText } from '../spec-text.ts'
import { heldNumber, stateText, statusNumber } from '../state-text.ts'

/** Runs in a transaction. */
export interface Insert {
  /** All or none. */
  all(records: readonly NewRecord[]): readonly InsertResult[]
  /** Each for itself. */
  each(records: readonly NewRecord[]): readonly InsertResult[]
}

/** Specs from this many characters on live in a table of their own: an update writes its whole row again. */
const MAX_INLINE_SPEC = 1_500

/** What an insert works with; `ownerNumber` answers the number of an open owner. */
export interface InsertParts {
  readonly queue: CommitQueue
  readonly counts: Counts
  readonly lease: Lease
  readonly ownerNumber: (executorId: string) => number
}

export function createInsert(
  db: DatabaseSync,
  { queue, counts, lease, ownerNumber }: InsertParts,
): Insert {
  const insertTask = db.prepare(`INSERT INTO tasks
    (seq, id, name, queue, priority, status, owner, fence, held, created_at, ended_at, parent_id, tags, key, spec, state,
      due_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
  const insertSpec = db.prepare('INSERT INTO specs (seq, spec) VALUES (?, ?)')
  const insertTag = db.prepare('INSERT INTO tags (tag, seq) VALUES (?, ?)')
  const selectLast = db.prepare(`SELECT max(
    (SELECT coalesce(max(seq), 0) FROM tasks), (SELECT value FROM meta WHERE key = 'lastSeq')) AS seq`)
  const selectSame = db.prepare(`SELECT seq,
    coalesce(spec, (SELECT s.spec FROM specs s WHERE s.seq = tasks.seq)) AS spec FROM tasks WHERE id = ?`)
  const selectRetriedBy = db.prepare('SELECT retried_by AS by FROM tasks WHERE id = ?')
  const setRetriedBy = db.prepare('UPDATE tasks SET retried_by = ? WHERE id = ?')
  const savepoint = db.prepare('SAVEPOINT batch')
  const undo = db.prepare('ROLLBACK TO batch')
  const release = db.prepare('RELEASE batch')
  const plainRows = createPlainRows(db)
  const keys = createKeys(db)
  const creation = createCreationClock(db, queue)
  // Which specs came before, to tell a repeated insert from another record of the same id, where there may be one.
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
    const owner = state.owner === null ? null : ownerNumber(state.owner)
    if (owner !== null && !lease.stands(owner)) {
      // What went in before the lease was lost is in.
      const same = findSame(record, text)
      if (same?.type === 'inserted') return same
      throw lease.lost(state.owner ?? '', 'insert')
    }
    let hash: string | null = null
    if (key !== undefined) {
      // The same record again comes before its own key.
      const same = findSame(record, text)
      if (same !== undefined) return same
    }
    if (spec.retryOf !== undefined && record.mayRetryAgain !== true) {
      const by = (selectRetriedBy.get(spec.retryOf) as { by: string | null } | undefined)?.by
      // The same insert again may come after another retry, by force.
      if (typeof by === 'string') return findSame(record, text) ?? { type: 'retried', id: by }
    }
    if (key !== undefined) {
      hash = keyHash(spec.name, key.key)
      const conflict = keys.conflict(hash, key, spec.createdAt)
      if (conflict !== undefined) return conflict
    }
    const seq = nextSeq()
    const isInline = text.length <= MAX_INLINE_SPEC
    const status = statusNumber(state.status)
    const hasEnded = isTerminal(state.status)
    const tags = tagsText(spec.tags)
    const { changes } = insertTask.run(
      seq,
      spec.id,
      spec.name,
      spec.queue,
      spec.priority,
      status,
      owner,
      state.fence,
      heldNumber(state),
      spec.createdAt,
      hasEnded ? (state.endedAt ?? 0) : null,
      spec.parentId ?? null,
      tags,
      hash,
      isInline ? text : null,
      stateText(state),
      dueLaterAt(state) ?? null,
    )
    if (changes === 0) return findSame(record, text) ?? { type: 'duplicate', id: spec.id }
    if (!isInline) insertSpec.run(seq, text)
    if (tags !== null) {
      for (const [key, value] of Object.entries(spec.tags)) insertTag.run(tagText(key, value), seq)
    }
    if (hasEnded) counts.add(status, 1)
    if (key !== undefined && hash !== null) keys.hold(hash, key, seq, spec.id)
    if (spec.retryOf !== undefined) setRetriedBy.run(spec.id, spec.retryOf)
    return { type: 'inserted', position: seq }
  }

  function findSame({ spec, isOwnId }: NewRecord, text: string): InsertResult | undefined {
    const row = selectSame.get(spec.id) as { seq: number; spec: string } | undefined
    if (row === undefined) return undefined
    const isRepeat = (isOwnId === true || given.has(spec)) && row.spec === text
    return isRepeat ? { type: 'inserted', position: row.seq } : { type: 'duplicate', id: spec.id }
  }

  function insertAll(records: readonly NewRecord[]): readonly InsertResult[] {
    savepoint.run()
    const counted = counts.mark()
    const seqBefore = records.length > 0 ? nextSeq() : 0
    const results = records.map(insertOne)
    const isRefused = results.some((result) => result.type !== 'inserted')
    if (isRefused) {
      undo.run()
      counts.backTo(counted)
    }
    release.run()
    if (!isRefused) return results
    return results.map((result) => {
      const isGone = result.type === 'inserted' && result.position > seqBefore
      return isGone ? { type: 'inserted', position: -1 } : result
    })
  }

  function inserted({ spec, isOwnId }: NewRecord, result: InsertResult | undefined): void {
    if (result?.type !== 'inserted' || result.position === -1) return
    if (isOwnId !== true) given.add(spec)
    creation.note(spec.createdAt)
  }

  function each(records: readonly NewRecord[]): readonly InsertResult[] {
    const results: InsertResult[] = []
    for (let at = 0; at < records.length; at += PLAIN_ROWS) {
      const chunk = records.slice(at, at + PLAIN_ROWS)
      results.push(...(together(chunk) ?? chunk.map(eachOne)))
    }
    return results
  }

  function eachOne(record: NewRecord): InsertResult {
    const result = insertOne(record)
    inserted(record, result)
    return result
  }

  /** Plain records by one statement; `undefined`, with nothing done, when each needs a look. */
  function together(records: readonly NewRecord[]): readonly InsertResult[] | undefined {
    const [head] = records
    if (head === undefined || records.length !== PLAIN_ROWS) return undefined
    if (!records.every((record) => isPlain(record) && isLike(head, record))) return undefined
    const { owner } = head.state
    const ownerSeq = owner === null ? null : ownerNumber(owner)
    if (ownerSeq !== null && !lease.stands(ownerSeq)) return undefined
    const texts = records.map(({ spec }) => specText(spec))
    if (texts.some(({ length }) => length > MAX_INLINE_SPEC)) return undefined
    const values = sharedValues(head, ownerSeq)
    // What is enqueued in one millisecond shares its state.
    let { state } = head
    let ofState = stateText(state)
    for (const [index, record] of records.entries()) {
      if (record.state !== state) {
        ;({ state } = record)
        ofState = stateText(state)
      }
      addPlainRow(values, nextSeq(), record.spec, texts[index] ?? '', ofState)
    }
    const first = lastSeq - records.length + 1
    const areAllIn = plainRows.insert(values) === records.length
    return records.map((record, index) => {
      const own = { type: 'inserted', position: first + index } as const
      const result = areAllIn ? own : foundOr(own, record, texts[index] ?? '')
      inserted(record, result)
      return result
    })
  }

  /** `own` when the record went in at that position, else what stood in its way. */
  function foundOr(
    own: InsertResult & { readonly type: 'inserted' },
    record: NewRecord,
    text: string,
  ): InsertResult {
    const { spec } = record
    const row = selectSame.get(spec.id) as { seq: number } | undefined
    if (row?.seq === own.position) return own
    return findSame(record, text) ?? { type: 'duplicate', id: spec.id }
  }

  return {
    each,
    all(records) {
      if (records.length === 1) return each(records)
      const results = insertAll(records)
      for (const [index, record] of records.entries()) inserted(record, results[index])
      return results
    },
  }
}
