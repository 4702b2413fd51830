/** Promises about owners: cancels and beats, deaths and adoptions, opening and closing. */

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
import { hearing } from './hearing.ts'

const NAMES = ['send-mail']

export const ownerCases: readonly BackendCase[] = [
  {
    name: 'a cancel reaches the owner by its beat, until the record has ended',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const { id } = stored.spec
      const request = { reason: 'changed my mind', by: 'ada' }
      const answer = await backend.requestCancel(B, id, request)
      equal(answer, { type: 'requested', owner: A.executorId }, 'the answer')
      equal(await backend.beat(B), { type: 'ok', cancels: [] }, 'the beat of another')
      const expected = { type: 'ok', cancels: [{ id, ...request }] }
      equal(await backend.beat(A), expected, 'the beat of the owner')
      equal(await backend.beat(A), expected, 'its next beat')
      equal((await backend.get(id))?.cancelRequest, request, 'what is stored')
      await backend.update([endOf(stored, 'cancelled')])
      equal(await backend.beat(A), { type: 'ok', cancels: [] }, 'the beat after the end')
    },
  },
  {
    name: 'a listener hears of the cancel of a record that another executor has, until it is taken off',
    async run({ backend }) {
      if (backend.onCancel === undefined) return
      await backend.open(A)
      await backend.open(B)
      const { spec } = await insertOne(backend, newRecord(A))
      let heard = 0
      const stop = backend.onCancel(() => heard++)
      await hearing(
        () => backend.requestCancel(B, spec.id, {}),
        () => heard > 0,
      )
      stop()
      // What was on its way has come.
      const settled = heard
      await backend.requestCancel(B, spec.id, {})
      await backend.beat(A)
      equal(heard, settled, 'after the listener was taken off')
    },
  },
  {
    name: 'of two cancel requests, the first is kept',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      await backend.requestCancel(A, spec.id, { reason: 'first' })
      await backend.requestCancel(A, spec.id, { reason: 'second' })
      equal((await backend.get(spec.id))?.cancelRequest, { reason: 'first' }, 'the request')
    },
  },
  {
    name: 'a cancel of nothing is missing, and one of an ended record says how it ended',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.update([endOf(stored, 'failed')])
      equal(await backend.requestCancel(A, 'nobody', {}), { type: 'missing' }, 'missing')
      const answer = await backend.requestCancel(A, stored.spec.id, {})
      equal(answer, { type: 'ended', status: 'failed' }, 'ended')
    },
  },
  {
    name: 'a cancel of an unowned record gives it to the caller, again when it is repeated',
    async run({ backend }) {
      await backend.open(A)
      const { spec, state, position } = await insertOne(backend, newRecord(null))
      const taken = { ...state, owner: A.executorId, fence: 1 }
      const record = { spec, state: taken, position, cancelRequest: { by: 'ada' } }
      const expected = { type: 'claimed', record }
      equal(await backend.requestCancel(A, spec.id, { by: 'ada' }), expected, 'the answer')
      equal(await backend.requestCancel(A, spec.id, { by: 'ada' }), expected, 'the second answer')
      equal(
        await backend.claim(A, { names: NAMES, limit: 9, dueBefore: NOW }),
        [],
        'a claim after it',
      )
      equal(await backend.update([endOf(record, 'cancelled')]), ['ok'], 'the end')
    },
  },
  {
    name: 'a cancel request is part of what a claim answers',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.requestCancel(A, stored.spec.id, { by: 'ada' })
      await backend.update([patchOf(stored, { status: 'pending', owner: null })])
      const [claimed] = await backend.claim(A, { names: NAMES, limit: 1, dueBefore: NOW })
      equal(claimed?.cancelRequest, { by: 'ada' }, 'the request')
    },
  },
  {
    name: 'the records of a closed executor are found by its name and adopted once',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const first = await insertOne(backend, newRecord(A))
      const second = await insertOne(backend, newRecord(A))
      await insertOne(backend, newRecord(B))
      equal(await backend.deadOwners(B, NOW + 1), [], 'dead while both live')
      await backend.close(A)
      equal(await backend.deadOwners(B, NOW - 1), [A.executorId], 'dead after the close')
      const [one, ...more] = await backend.adopt(B, A.executorId, NAMES, 1)
      equal(more, [], 'beyond the limit')
      const taken = { ...first.state, owner: B.executorId, fence: first.state.fence + 1 }
      equal(one?.state, taken, 'the adopted state')
      const rest = await backend.adopt(B, A.executorId, NAMES, 9)
      equal(
        rest.map(({ spec }) => spec.id),
        [second.spec.id],
        'the rest',
      )
      equal(await backend.adopt(B, A.executorId, NAMES, 9), [], 'what is left')
      equal(await backend.deadOwners(B, NOW + 1), [], 'dead after the adoption')
    },
  },
  {
    name: 'a live executor is not adopted from, and not dead to itself or others',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const { spec } = await insertOne(backend, newRecord(A))
      await backend.beat(A)
      equal(await backend.adopt(B, A.executorId, NAMES, 9), [], 'adopted')
      equal(await backend.deadOwners(A, NOW + 60_000), [], 'dead to itself')
      equal((await backend.get(spec.id))?.state.owner, A.executorId, 'the owner')
      equal((await backend.beat(A)).type, 'ok', 'its beat')
    },
  },
  {
    name: 'records of names that the adopter does not know lose their owner and keep their status',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const { spec } = await insertOne(backend, newRecord(A, { name: 'make-pdf' }))
      await backend.close(A)
      equal(await backend.adopt(B, A.executorId, NAMES, 9), [], 'adopted')
      const record = await backend.get(spec.id)
      equal([record?.state.owner, record?.state.status], [null, 'running'], 'owner and status')
      equal(await backend.countUnknown(NAMES), { 'make-pdf': 1 }, 'the unknown')
      const cancel = await backend.requestCancel(B, spec.id, {})
      equal(cancel, { type: 'requested', owner: null }, 'a cancel of a running record')
      const [claimed] = await backend.claim(B, { names: ['make-pdf'], limit: 1, dueBefore: NOW })
      equal([claimed?.state.status, claimed?.state.fence], ['running', 2], 'the claimed record')
      equal((await backend.beat(B)).type, 'ok', 'the beat')
    },
  },
  {
    name: 'an executor that returns by its old id does not own what it left, and it can be adopted',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const left = await insertOne(backend, newRecord(A))
      await backend.close(A)
      await backend.open(A)
      equal(await backend.owned(A), [], 'owned by the new one')
      equal(await backend.update([endOf(left)]), ['stale'], 'a write for the old one')
      const fresh = await insertOne(backend, newRecord(A))
      const [dead, ...others] = await backend.deadOwners(A, NOW + 1)
      equal(others, [], 'other dead owners')
      const adopted = await backend.adopt(A, dead ?? '', NAMES, 9)
      equal(
        adopted.map(({ spec }) => spec.id),
        [left.spec.id],
        'adopted',
      )
      equal((await backend.get(fresh.spec.id))?.state, fresh.state, 'its own new record')
    },
  },
  {
    name: 'opening again without a close changes nothing',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.open(A)
      equal(await backend.update([endOf(stored)]), ['ok'], 'a write of before')
    },
  },
  {
    name: 'after close, calls are refused as closed, and a second close is harmless',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.close(A)
      await backend.close(A)
      await refused(() => backend.insert([newRecord(A)]), 'closed', 'insert')
      await refused(() => backend.insert([newRecord(null)]), 'closed', 'insert of an unowned')
      await refused(() => backend.update([endOf(stored)]), 'closed', 'update')
      await refused(() => backend.beat(A), 'closed', 'beat')
      await refused(() => backend.get('x'), 'closed', 'get')
      await refused(
        () => backend.claim(A, { names: NAMES, limit: 1, dueBefore: NOW }),
        'closed',
        'claim',
      )
    },
  },
  {
    name: 'an executor whose lease was lost is refused what nobody could find again, until it opens anew',
    async run({ backend, loseLease }) {
      if (loseLease === undefined) return
      await backend.open(A)
      const before = newRecord(A)
      const stored = await insertOne(backend, before)
      const waiting = await insertOne(backend, newRecord(null))
      await loseLease(A.executorId)
      equal(await backend.beat(A), { type: 'lost' }, 'the beat')
      const query = { names: NAMES, limit: 9, dueBefore: NOW }
      const late = newRecord(A)
      await refused(() => backend.insert([late]), 'lease_lost', 'an insert')
      await refused(() => backend.insert([newRecord(null), late]), 'lease_lost', 'a list')
      await refused(() => backend.claim(A, query), 'lease_lost', 'a claim')
      const { id } = waiting.spec
      await refused(() => backend.requestCancel(A, id, {}), 'lease_lost', 'a cancel')
      equal(await backend.get(late.spec.id), undefined, 'the refused record')
      const repeated = await backend.insert([before])
      const inserted = { type: 'inserted', position: stored.position }
      equal(repeated, [inserted], 'a repeat of what went in before')
      equal((await backend.insert([newRecord(null)]))[0]?.type, 'inserted', 'an unowned record')
      await backend.open(A)
      equal((await backend.insert([late]))[0]?.type, 'inserted', 'the record after another open')
      equal((await backend.beat(A)).type, 'ok', 'the beat after another open')
    },
  },
  {
    name: 'a close ends one executor and not its neighbour, and what was written before it is written',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const end = endOf(stored)
      const update = backend.update([end])
      await backend.close(A)
      equal(await update, ['ok'], 'the update before the close')
      equal((await backend.get(stored.spec.id))?.state, end.state, 'the state')
      await insertOne(backend, { ...newRecord(B), state: stateOf({ owner: B.executorId }) })
      await refused(() => backend.beat(A), 'closed', 'a beat of the closed one')
    },
  },
]
