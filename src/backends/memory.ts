/** Records in this process's memory: the reference for every other backend, and the fastest one. */

import { InvalidOptionsError } from '../task/errors.ts'
import { readFields } from '../task/reading.ts'
import type { StoredRecord } from '../task/record.ts'
import { isTerminal, STATUSES, type Status } from '../task/status.ts'
import { answersTo, type PatchResult } from './answer.ts'
import type { Backend, InsertResult, NewRecord, StatePatch, WriteResult } from './backend.ts'
import { createListeners } from './listeners.ts'
import { conflictsWithin, refusalOf } from './memory/batch.ts'
import { createFinishedRows } from './memory/finished.ts'
import { createKeys } from './memory/keys.ts'
import { createOwners } from './memory/owners.ts'
import { rowQueries } from './memory/query.ts'
import { addChunk, extrasOf, hasChunk, Row, snapshot } from './memory/row.ts'
import { RowTable } from './memory/table.ts'
import { createUnownedRows, isClaimable } from './memory/unowned.ts'

export interface MemoryBackendOptions {
  /** Records that may wait before enqueue is refused with `QueueFullError`: an integer from 1. Default 100,000. */
  readonly maxQueued?: number | undefined
}

const OK: readonly WriteResult[] = Object.freeze(['ok'] as const)
const STALE: readonly WriteResult[] = Object.freeze(['stale'] as const)
const CANCELLED: readonly WriteResult[] = Object.freeze(['cancelled'] as const)
const TERMINAL: readonly Status[] = STATUSES.filter(isTerminal)

/**
 * Keeps records in memory: gone with the process, shared by the executors that are given this same object.
 * Every method answers at once, without a promise.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when `maxQueued` is not an integer from 1
 */
export function memoryBackend(options: MemoryBackendOptions = {}): Backend {
  const where = 'memoryBackend: '
  const { maxQueued = 100_000 } = readFields(options, 'options', 'an object { maxQueued }', where)
  if (!isLimit(maxQueued)) {
    throw new InvalidOptionsError('maxQueued', 'an integer from 1', maxQueued, where)
  }
  const rows = new RowTable()
  const isStored = (id: string): boolean => rows.get(id) !== undefined
  const keys = createKeys(isStored)
  const finished = createFinishedRows(rows)
  const unowned = createUnownedRows()
  const cancelling = new Set<Row>()
  const owners = createOwners()
  const { nudge, listen: onUnowned } = createListeners()
  const cancels = createListeners()

  function obstacleTo(record: NewRecord): InsertResult | undefined {
    const { spec, state, key } = record
    if (state.owner !== null) owners.check(state.owner, 'insert')
    const same = record.isFresh === true ? undefined : rows.get(spec.id)
    if (same !== undefined) {
      const isRepeat = same.spec === spec
      return isRepeat
        ? { type: 'inserted', position: same.position }
        : { type: 'duplicate', id: spec.id }
    }
    if (spec.retryOf !== undefined && record.mayRetryAgain !== true) {
      const by = rows.get(spec.retryOf)?.extras?.retriedBy
      if (by !== undefined) return { type: 'retried', id: by }
    }
    return key === undefined ? undefined : keys.conflict(spec.name, key, spec.createdAt)
  }

  function add(record: NewRecord): InsertResult {
    const { spec, state, key } = record
    const position = rows.lastPosition + 1
    const row = new Row(position, spec, state)
    rows.add(row)
    if (key !== undefined) keys.hold(spec.name, key, spec.id)
    if (spec.retryOf !== undefined) {
      const original = rows.get(spec.retryOf)
      if (original !== undefined) extrasOf(original).retriedBy = spec.id
    }
    if (state.owner === null) leave(row)
    return { type: 'inserted', position }
  }

  function insertAll(records: readonly NewRecord[]): readonly InsertResult[] {
    const within = conflictsWithin(records, isStored)
    const obstacles = records.map((record, index) => obstacleTo(record) ?? within[index])
    const refusal = refusalOf(obstacles)
    if (refusal !== undefined) return refusal
    return records.map((record, index) => obstacles[index] ?? add(record))
  }

  // The row has no owner any more: it has ended, or anyone may have it.
  function leave(row: Row): void {
    if (isTerminal(row.state.status)) {
      finished.add(row)
      if (row.extras !== undefined) cancelling.delete(row)
    } else if (isClaimable(row)) {
      unowned.add(row)
      nudge()
    }
  }

  function take(row: Row, executorId: string): StoredRecord {
    if (isClaimable(row)) unowned.taken(row)
    const { state } = row
    row.state = { ...state, owner: executorId, fence: state.fence + 1 }
    return snapshot(row)
  }

  function apply(patch: StatePatch): PatchResult {
    const row = rows.at(patch.position)
    if (row === undefined || row.spec.id !== patch.id) return 'stale'
    const { state } = patch
    if (row.state === state) return 'again'
    if (row.state.owner !== patch.owner || row.state.fence !== patch.fence) return 'stale'
    if (patch.unlessCancelled === true && row.extras?.cancelRequest !== undefined) {
      return 'cancelled'
    }
    row.state = state
    if (state.owner === null) leave(row)
    if (patch.freesKey && row.spec.idempotencyKey !== undefined) {
      keys.free(patch.name, row.spec.idempotencyKey, patch.id)
    }
    return 'ok'
  }

  function ownedBy(executorId: string): Row[] {
    return [...rows.values()].filter((row) => row.state.owner === executorId)
  }

  return {
    name: 'memory',
    capabilities: { durable: 'none', shared: false, transactional: false, maxQueued },
    queries: rowQueries(rows, owners),

    open({ executorId }) {
      const former = owners.open(executorId)
      if (former === undefined) return
      for (const row of ownedBy(executorId)) row.state = { ...row.state, owner: former }
      owners.dead.delete(executorId)
      owners.dead.add(former)
    },

    insert(records) {
      owners.checkAny('insert')
      const first = records[0]
      if (records.length !== 1 || first === undefined) return insertAll(records)
      return [obstacleTo(first) ?? add(first)]
    },

    claim(owner, query) {
      owners.check(owner.executorId, 'claim')
      if (unowned.makeDue(query)) nudge()
      return unowned.best(query).map((row) => take(row, owner.executorId))
    },

    update(patches) {
      // All of them before any: a call that throws has changed nothing.
      for (const patch of patches) owners.check(patch.owner, 'update')
      const first = patches[0]
      if (patches.length !== 1 || first === undefined) return answersTo(patches, patches.map(apply))
      const result = apply(first)
      return result === 'stale' ? STALE : result === 'cancelled' ? CANCELLED : OK
    },

    append(patches) {
      for (const patch of patches) owners.check(patch.owner, 'append')
      return patches.map((patch) => {
        const row = rows.at(patch.position)
        if (row === undefined || row.spec.id !== patch.id) return 'stale'
        if (hasChunk(row, patch)) return 'ok'
        if (row.state.owner !== patch.owner || row.state.fence !== patch.fence) return 'stale'
        addChunk(row, patch)
        return 'ok'
      })
    },

    requestCancel({ executorId }, id, request) {
      owners.check(executorId, 'requestCancel')
      const row = rows.get(id)
      if (row === undefined) return { type: 'missing' }
      const { status, owner, fence } = row.state
      if (isTerminal(status)) return { type: 'ended', status }
      const extras = extrasOf(row)
      extras.cancelRequest ??= request
      cancelling.add(row)
      if (owner === executorId && fence === extras.cancelFence) {
        return { type: 'claimed', record: snapshot(row) }
      }
      if (owner !== null || status === 'running') {
        if (owner !== executorId) cancels.nudge()
        return { type: 'requested', owner }
      }
      extras.cancelFence = fence + 1
      return { type: 'claimed', record: take(row, executorId) }
    },

    beat({ executorId }) {
      owners.check(executorId, 'beat')
      const cancels = [...cancelling].filter((row) => row.state.owner === executorId)
      return {
        type: 'ok',
        cancels: cancels.map((row) => ({ id: row.spec.id, ...row.extras?.cancelRequest })),
      }
    },

    deadOwners({ executorId }) {
      owners.check(executorId, 'deadOwners')
      return [...owners.dead]
    },

    adopt({ executorId }, deadOwner, names, limit) {
      owners.check(executorId, 'adopt')
      if (!owners.dead.has(deadOwner)) return []
      const theirs = ownedBy(deadOwner)
      const known = theirs.filter((row) => names.includes(row.spec.name))
      for (const row of theirs) {
        if (names.includes(row.spec.name)) continue
        row.state = { ...row.state, owner: null }
        leave(row)
      }
      if (known.length <= limit) owners.dead.delete(deadOwner)
      return known.slice(0, limit).map((row) => take(row, executorId))
    },

    owned({ executorId }) {
      owners.check(executorId, 'owned')
      return ownedBy(executorId).map(snapshot)
    },

    countUnknown(names) {
      owners.checkAny('countUnknown')
      return unowned.countExcept(names)
    },

    get(id) {
      owners.checkAny('get')
      const row = rows.get(id)
      return row === undefined ? undefined : snapshot(row)
    },

    logs(id) {
      owners.checkAny('logs')
      const extras = rows.get(id)?.extras
      if (extras === undefined) return { lines: [], dropped: 0 }
      return { lines: [...extras.lines], dropped: extras.droppedBefore + extras.dropped }
    },

    sweep({ status = TERMINAL, endedBefore, maxFinished, limit, now }) {
      owners.checkAny('sweep')
      keys.expire(now)
      const lists = finished.listsOf(status)
      let removed = 0
      while (removed < limit) {
        const position = finished.shift(lists, endedBefore, maxFinished)
        if (position === undefined) break
        // Not looked at for a key that nobody has: it is no longer in the processor's caches.
        const spec = keys.isEmpty() ? undefined : rows.at(position)?.spec
        if (spec?.idempotencyKey !== undefined)
          keys.orphan(spec.name, spec.idempotencyKey, spec.id, now)
        rows.delete(position)
        removed += 1
      }
      return removed
    },

    onUnowned,
    onCancel: cancels.listen,

    close({ executorId }) {
      if (owners.close(executorId) && ownedBy(executorId).length > 0) owners.dead.add(executorId)
    },
  }
}

function isLimit(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
