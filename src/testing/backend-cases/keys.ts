/** Promises about idempotency keys. */

import type { TerminalStatus } from '../../task/status.ts'
import {
  A,
  B,
  endOf,
  equal,
  insertOne,
  keyedRecord,
  newRecord,
  NOW,
  type BackendCase,
} from './case.ts'

const FREEING: readonly TerminalStatus[] = ['failed', 'cancelled', 'interrupted', 'expired']
const SWEEP_ALL = { endedBefore: NOW + 100, maxFinished: 0, limit: 100 }

export const keyCases: readonly BackendCase[] = [
  {
    name: 'a key that a live or succeeded record holds answers that record, and whether the input is the same',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, keyedRecord(A, 'invoice-42'))
      const { id } = stored.spec
      const same = { type: 'existing', id, sameInput: true }
      equal(await backend.insert([keyedRecord(A, 'invoice-42')]), [same], 'the same input')
      const other = keyedRecord(A, 'invoice-42', { inputHash: 'hash-2' })
      equal(await backend.insert([other]), [{ ...same, sameInput: false }], 'another input')
      await backend.update([endOf(stored)])
      equal(await backend.insert([keyedRecord(A, 'invoice-42')]), [same], 'after its success')
    },
  },
  {
    name: 'a key is one of its task name',
    async run({ backend }) {
      await backend.open(A)
      await insertOne(backend, keyedRecord(A, 'k'))
      const { spec, ...rest } = keyedRecord(A, 'k')
      await insertOne(backend, { ...rest, spec: { ...spec, name: 'make-pdf' } })
    },
  },
  {
    name: 'a repeated insert with a key is the same record, not a conflict with itself',
    async run({ backend }) {
      await backend.open(A)
      const record = keyedRecord(A, 'k')
      const { position } = await insertOne(backend, record)
      equal(await backend.insert([record]), [{ type: 'inserted', position }], 'the answer')
    },
  },
  {
    name: 'a failed, cancelled, interrupted or expired end frees the key',
    async run({ backend }) {
      await backend.open(A)
      for (const status of FREEING) {
        const stored = await insertOne(backend, keyedRecord(A, 'k'))
        equal(await backend.update([endOf(stored, status)]), ['ok'], status)
      }
      await insertOne(backend, keyedRecord(A, 'k'))
    },
  },
  {
    name: 'a refused end frees nothing',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, keyedRecord(A, 'k'))
      await backend.update([{ ...endOf(stored, 'failed'), fence: 0 }])
      equal((await backend.insert([keyedRecord(A, 'k')]))[0]?.type, 'existing', 'the answer')
    },
  },
  {
    name: 'the end of a record does not free a key that another has taken since',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, keyedRecord(A, 'k'))
      const end = endOf(first, 'failed')
      await backend.update([end])
      const second = await insertOne(backend, keyedRecord(A, 'k'))
      equal(await backend.update([end]), ['ok'], 'the repeated end')
      const [answer] = await backend.insert([keyedRecord(A, 'k')])
      equal(answer, { type: 'existing', id: second.spec.id, sameInput: true }, 'the answer')
    },
  },
  {
    name: 'one existing key keeps all records of its insert out, and their keys free',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, keyedRecord(A, 'taken'))
      const fresh = keyedRecord(A, 'fresh')
      const answer = await backend.insert([fresh, keyedRecord(A, 'taken')])
      const existing = { type: 'existing', id: spec.id, sameInput: true }
      equal(answer, [{ type: 'inserted', position: -1 }, existing], 'the answer')
      equal(await backend.get(fresh.spec.id), undefined, 'the record beside it')
      await insertOne(backend, keyedRecord(A, 'fresh'))
    },
  },
  {
    name: 'two records of one key in one insert keep each other out',
    async run({ backend }) {
      await backend.open(A)
      const first = keyedRecord(A, 'k')
      const answer = await backend.insert([first, keyedRecord(A, 'k', { inputHash: 'hash-2' })])
      const existing = { type: 'existing', id: first.spec.id, sameInput: false }
      equal(answer[1], existing, 'the second answer')
      equal(await backend.get(first.spec.id), undefined, 'the first record')
    },
  },
  {
    name: 'a retry by hand takes the key over from the record it names, and from no other',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, keyedRecord(A, 'k'))
      const other = await insertOne(backend, newRecord(A))
      const wrong = keyedRecord(A, 'k', { takeOverFrom: other.spec.id })
      equal((await backend.insert([wrong]))[0]?.type, 'existing', 'from another record')
      const right = keyedRecord(A, 'k', { takeOverFrom: first.spec.id })
      await insertOne(backend, right)
      await backend.update([endOf(first, 'failed')])
      const [answer] = await backend.insert([keyedRecord(A, 'k')])
      equal(answer, { type: 'existing', id: right.spec.id, sameInput: true }, 'the holder')
    },
  },
  {
    name: 'a key is held as long as its record, and longer when it says so',
    async run({ backend }) {
      await backend.open(A)
      const short = await insertOne(backend, keyedRecord(A, 'short', { heldUntil: NOW - 1 }))
      const long = await insertOne(backend, keyedRecord(A, 'long', { heldUntil: NOW + 50 }))
      equal((await backend.insert([keyedRecord(A, 'short')]))[0]?.type, 'existing', 'while kept')
      await backend.update([endOf(short), endOf(long)])
      await backend.sweep({ ...SWEEP_ALL, now: NOW + 10 })
      equal(await backend.get(long.spec.id), undefined, 'the removed record')
      await insertOne(backend, keyedRecord(A, 'short'))
      const [answer] = await backend.insert([keyedRecord(A, 'long')])
      const existing = { type: 'existing', id: long.spec.id, sameInput: true }
      equal(answer, existing, 'after the record was removed')
      await backend.sweep({ ...SWEEP_ALL, now: NOW + 51 })
      await insertOne(backend, keyedRecord(A, 'long'))
    },
  },
  {
    name: 'of several executors that insert one key at once, one succeeds',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const records = [A, B, A, B, A].map((owner) => keyedRecord(owner, 'race'))
      const answers = await Promise.all(records.map(async (record) => backend.insert([record])))
      const inserted = answers.filter(([answer]) => answer?.type === 'inserted')
      equal(inserted.length, 1, 'inserted')
    },
  },
]
