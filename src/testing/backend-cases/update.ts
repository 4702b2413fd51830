/** Promises of `update`: who may write, and that nothing half happens. */

import type { NewRecord, StatePatch } from '../../backends/backend.ts'
import type { StoredRecord } from '../../task/record.ts'
import {
  A,
  B,
  endOf,
  equal,
  insertOne,
  newRecord,
  NOW,
  patchOf,
  refused,
  stateOf,
  type BackendCase,
} from './case.ts'

export const updateCases: readonly BackendCase[] = [
  {
    name: 'a state is replaced as a whole',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const error = { name: 'TypeError', message: 'no', fingerprint: '0123456789abcdef' }
      const retrying = patchOf(stored, {
        status: 'retrying',
        dueAt: NOW + 0.5,
        durationMs: 1.25,
        error,
        reason: 'error',
        recoveries: 2,
        crashes: 1,
      })
      equal(await backend.update([retrying]), ['ok'], 'the first answer')
      equal((await backend.get(stored.spec.id))?.state, retrying.state, 'the first state')
      const end = endOf({ ...stored, state: retrying.state })
      const state = {
        ...end.state,
        error: undefined,
        resultJson: '{"a":[1,2]}',
        resultError: error,
      }
      equal(await backend.update([{ ...end, state }]), ['ok'], 'the second answer')
      equal((await backend.get(stored.spec.id))?.state, state, 'the second state')
    },
  },
  {
    name: 'a repeated update is ok again, after its fence and owner have moved on',
    async run({ backend }) {
      await backend.open(A)
      const state = stateOf({ owner: A.executorId })
      const pending = await insertOne(backend, { ...newRecord(A), state })
      const start = patchOf(pending, { status: 'running', fence: 1, starts: 1 })
      equal(await backend.update([start]), ['ok'], 'the start')
      equal(await backend.update([start]), ['ok'], 'the start again')
      const end = endOf({ ...pending, state: start.state }, 'failed')
      equal(await backend.update([end]), ['ok'], 'the end')
      equal(await backend.update([end]), ['ok'], 'the end again')
    },
  },
  {
    name: 'an older fence is stale and changes nothing',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const before = { ...stored, state: { ...stored.state, fence: 0 } }
      equal(await backend.update([endOf(before)]), ['stale'], 'the answer')
      equal((await backend.get(stored.spec.id))?.state, stored.state, 'the state')
    },
  },
  {
    name: 'another owner is stale and changes nothing',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const theirs = { ...endOf(stored), owner: B.executorId }
      equal(await backend.update([theirs]), ['stale'], 'the answer')
      equal((await backend.get(stored.spec.id))?.state, stored.state, 'the state')
    },
  },
  {
    name: 'an ended record never changes',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const end = endOf(stored)
      await backend.update([end])
      equal(await backend.update([endOf(stored, 'failed')]), ['stale'], 'the answer')
      equal((await backend.get(stored.spec.id))?.state, end.state, 'the state')
    },
  },
  {
    name: 'an unknown record is stale',
    async run({ backend }) {
      await backend.open(A)
      const record = newRecord(A)
      const patch = endOf({ ...record, position: 4_711 })
      equal(await backend.update([patch]), ['stale'], 'the answer')
    },
  },
  {
    name: 'each patch of a call is judged for itself, in order',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, newRecord(A))
      const second = await insertOne(backend, newRecord(A))
      const stale = { ...endOf(second), fence: 0 }
      const retry = patchOf(first, { status: 'retrying' })
      const end = endOf({ ...first, state: retry.state })
      equal(await backend.update([retry, stale, end]), ['ok', 'stale', 'ok'], 'the answers')
      equal((await backend.get(first.spec.id))?.state, end.state, 'the first record')
      equal((await backend.get(second.spec.id))?.state, second.state, 'the second record')
    },
  },
  {
    name: 'of many patches of the same kind in one call, each is judged for itself',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const tasks: StoredRecord[] = []
      for (let index = 0; index < 25; index++) tasks.push(await insertOne(backend, waitingRecord()))
      const cancelled = tasks[3] as StoredRecord
      await backend.requestCancel(B, cancelled.spec.id, {})
      const starts = tasks.map(startOf)
      const before = starts[13] as StatePatch
      equal(await backend.update([before]), ['ok'], 'one start before the others')
      // Of another fence, of another owner, and once more in the same call.
      const stale = [
        { ...before, fence: 7, state: { ...before.state, fence: 8 } },
        { ...before, owner: B.executorId, state: { ...before.state, owner: B.executorId } },
      ]
      const answers = await backend.update([...starts, ...stale, starts[5] as StatePatch])
      const expected = starts.map((start) => (start.id === cancelled.spec.id ? 'cancelled' : 'ok'))
      equal(answers, [...expected, 'stale', 'stale', 'ok'], 'the answers to the starts')
      const running = tasks.map((task, index) =>
        task === cancelled ? task : { ...task, state: (starts[index] as StatePatch).state },
      )
      for (const { spec, state } of running)
        equal((await backend.get(spec.id))?.state, state, `the state of ${spec.id}`)
      const ends = running.map((task, index) => endOf(task, 'succeeded', NOW + index))
      const late = ends.map((end) => ({ ...end, state: { ...end.state, durationMs: 99 } }))
      const unknown = { ...(ends[0] as StatePatch), id: 'nobody', position: 4_711 }
      const half = [...ends.slice(0, 12), unknown]
      const halfAnswers = [...half.slice(1).map(() => 'ok'), 'stale']
      equal(await backend.update(half), halfAnswers, 'the answers to half of the ends')
      equal(
        await backend.update(ends),
        ends.map(() => 'ok'),
        'the answers to all ends',
      )
      equal(
        await backend.update(late),
        late.map(() => 'stale'),
        'the answers to other ends',
      )
      for (const { id, state } of ends)
        equal((await backend.get(id))?.state, state, `the end of ${id}`)
      const counts = await backend.queries?.countByStatus()
      if (counts !== undefined) equal(counts.succeeded, 25, 'how many have succeeded')
    },
  },
  {
    name: 'a patch of an owner that has closed is refused, and none of its call is applied',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const ours = await insertOne(backend, newRecord(A))
      const theirs = await insertOne(backend, newRecord(B))
      await backend.close(B)
      await refused(() => backend.update([endOf(ours), endOf(theirs)]), 'closed', 'update')
      equal((await backend.get(ours.spec.id))?.state, ours.state, 'the state of ours')
    },
  },
  {
    name: 'a start unless cancelled is refused once a cancel was asked for, and changes nothing',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const waiting = await insertOne(backend, waitingRecord())
      const free = await insertOne(backend, waitingRecord())
      await backend.requestCancel(B, waiting.spec.id, { by: 'ada' })
      const answers = await backend.update([startOf(waiting), startOf(free)])
      equal(answers, ['cancelled', 'ok'], 'the answers')
      equal((await backend.get(waiting.spec.id))?.state, waiting.state, 'the state')
      equal(await backend.update([startOf(waiting)]), ['cancelled'], 'the answer to a repeat')
      const end = endOf(waiting, 'cancelled')
      equal(await backend.update([end]), ['ok'], 'the end that follows')
      equal(await backend.update([startOf(waiting)]), ['stale'], 'a start after the end')
    },
  },
  {
    name: 'a start unless cancelled that was applied is ok when it is repeated after a cancel',
    async run({ backend }) {
      await backend.open(A)
      const waiting = await insertOne(backend, waitingRecord())
      const start = startOf(waiting)
      equal(await backend.update([start]), ['ok'], 'the start')
      const cancel = await backend.requestCancel(A, waiting.spec.id, {})
      equal(cancel, { type: 'requested', owner: A.executorId }, 'the cancel after it')
      equal(await backend.update([start]), ['ok'], 'the start again')
      const beat = { type: 'ok', cancels: [{ id: waiting.spec.id }] }
      equal(await backend.beat(A), beat, 'what the owner hears')
    },
  },
  {
    name: 'a start unless cancelled is stale for another fence or owner, cancel or not',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const waiting = await insertOne(backend, waitingRecord())
      await backend.requestCancel(A, waiting.spec.id, {})
      const start = startOf(waiting)
      const answers = await backend.update([
        { ...start, fence: start.fence + 1 },
        { ...start, owner: B.executorId, state: { ...start.state, owner: B.executorId } },
      ])
      equal(answers, ['stale', 'stale'], 'the answers')
    },
  },
]

function waitingRecord(): NewRecord {
  return { ...newRecord(A), state: stateOf({ owner: A.executorId }) }
}

function startOf(stored: StoredRecord): StatePatch {
  const { fence } = stored.state
  const start = patchOf(stored, { status: 'running', fence: fence + 1, starts: 1, startedAt: NOW })
  return { ...start, unlessCancelled: true }
}
