/** Promises of `insert` and `get`. */

import {
  A,
  equal,
  insertOne,
  keyedRecord,
  newRecord,
  refused,
  specOf,
  stateOf,
  type BackendCase,
} from './case.ts'

export const insertCases: readonly BackendCase[] = [
  {
    name: 'an inserted record reads back as it was',
    async run({ backend }) {
      await backend.open(A)
      const spec = specOf({
        label: 'a label',
        priority: -7,
        queue: 'mail',
        source: 'retry',
        tags: { plan: 'pro' },
        headers: { locale: 'de' },
        expiresAt: 1_800_000_000_000,
        retries: 3,
        requeueOnInterrupt: true,
        shield: true,
        parentId: 'parent-1',
        rootId: 'root-1',
        traceContext: { traceparent: '00-ab-cd-01' },
        context: { requestId: 'r1', user: { id: 7 } },
        options: { timeout: 5_000, backoff: { delay: '1s' } },
        localOptions: ['retryIf'],
      })
      const state = stateOf({ status: 'scheduled', owner: A.executorId, dueAt: NOW_PLUS_A_YEAR })
      const stored = await insertOne(backend, { spec, state })
      equal(await backend.get(spec.id), stored, 'the record')
    },
  },
  {
    name: 'a record without an input has none',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A, { inputJson: undefined }))
      equal((await backend.get(stored.spec.id))?.spec.inputJson, undefined, 'inputJson')
    },
  },
  {
    name: 'an unknown id is undefined',
    async run({ backend }) {
      await backend.open(A)
      equal(await backend.get('nobody'), undefined, 'the record')
    },
  },
  {
    name: 'each position is greater than every earlier one, also after the newest record was removed',
    async run({ backend }) {
      await backend.open(A)
      const results = await backend.insert([newRecord(A), newRecord(A)])
      const positions = results.map((result) => (result.type === 'inserted' ? result.position : -1))
      equal((positions[0] ?? 0) < (positions[1] ?? 0), true, 'positions of one call grow')
      const last = newRecord(A)
      const stored = await insertOne(backend, last)
      const state = { ...last.state, status: 'succeeded', owner: null, endedAt: 1 } as const
      const { id, name } = last.spec
      const { position } = stored
      const patch = { id, name, position, owner: A.executorId, fence: 1, state, freesKey: false }
      await backend.update([patch])
      await backend.sweep({ endedBefore: 2, maxFinished: 10, limit: 10, now: 2 })
      const next = await insertOne(backend, newRecord(A))
      equal(next.position > position, true, `position ${next.position} after ${position}`)
    },
  },
  {
    name: 'an insert of nothing answers nothing',
    async run({ backend }) {
      await backend.open(A)
      equal(await backend.insert([]), [], 'the answer')
    },
  },
  {
    name: 'a repeated insert answers the same positions, and stores nothing twice',
    async run({ backend }) {
      await backend.open(A)
      const records = [newRecord(A), newRecord(A)]
      const first = await backend.insert(records)
      equal(await backend.insert(records), first, 'the second answer')
      equal((await backend.owned(A)).length, 2, 'records')
    },
  },
  {
    name: 'a repeated insert of one record answers its position also after the record has ended',
    async run({ backend }) {
      await backend.open(A)
      const record = newRecord(A)
      const { position } = await insertOne(backend, record)
      const { id, name } = record.spec
      const state = { ...record.state, status: 'failed', owner: null, endedAt: 5 } as const
      const patch = { id, name, position, owner: A.executorId, fence: 1, state, freesKey: true }
      await backend.update([patch])
      equal(await backend.insert([record]), [{ type: 'inserted', position }], 'the answer')
    },
  },
  {
    name: 'another record of the same id is a duplicate, even with the same contents',
    async run({ backend }) {
      await backend.open(A)
      const first = newRecord(A, { id: 'mine' })
      await insertOne(backend, first)
      const second = { ...first, spec: { ...first.spec } }
      equal(await backend.insert([second]), [{ type: 'duplicate', id: 'mine' }], 'the answer')
    },
  },
  {
    name: 'one duplicate keeps all records of its insert out',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      const fresh = newRecord(A)
      const answer = await backend.insert([fresh, newRecord(A, { id: spec.id })])
      const expected = [
        { type: 'inserted', position: -1 },
        { type: 'duplicate', id: spec.id },
      ]
      equal(answer, expected, 'the answer')
      equal(await backend.get(fresh.spec.id), undefined, 'the record beside the duplicate')
      equal((await backend.insert([fresh]))[0]?.type, 'inserted', 'the record by itself')
    },
  },
  {
    name: 'two records of one id in one insert keep each other out',
    async run({ backend }) {
      await backend.open(A)
      const answer = await backend.insert([
        newRecord(A, { id: 'twin' }),
        newRecord(A, { id: 'twin' }),
      ])
      equal(answer[1], { type: 'duplicate', id: 'twin' }, 'the second answer')
      equal(await backend.get('twin'), undefined, 'the first record')
    },
  },
  {
    name: 'a retry by hand is noted on the record that it repeats',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      const retry = await insertOne(backend, newRecord(A, { retryOf: spec.id, source: 'retry' }))
      equal((await backend.get(spec.id))?.retriedBy, retry.spec.id, 'retriedBy')
    },
  },
  {
    name: 'a record that was retried is not retried again, unless it may be; a refusal keeps its whole insert out',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      const retryOf = spec.id
      const first = newRecord(A, { retryOf })
      const inserted = await backend.insert([first])
      const fresh = newRecord(A)
      const answer = await backend.insert([fresh, newRecord(A, { retryOf })])
      const expected = [
        { type: 'inserted', position: -1 },
        { type: 'retried', id: first.spec.id },
      ]
      equal(answer, expected, 'the second retry')
      equal(await backend.get(fresh.spec.id), undefined, 'the record beside it')
      const forced = { ...newRecord(A, { retryOf }), mayRetryAgain: true }
      await insertOne(backend, forced)
      equal((await backend.get(retryOf))?.retriedBy, forced.spec.id, 'retriedBy')
      equal(await backend.insert([first]), inserted, 'the first retry, repeated')
      equal((await backend.get(retryOf))?.retriedBy, forced.spec.id, 'retriedBy after the repeat')
    },
  },
  {
    name: 'of several retries of one record in one insert, none goes in',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      const first = newRecord(A, { retryOf: spec.id })
      const answer = await backend.insert([first, newRecord(A, { retryOf: spec.id })])
      equal(answer[1], { type: 'retried', id: first.spec.id }, 'the second answer')
      equal((await backend.get(spec.id))?.retriedBy, undefined, 'retriedBy')
      const keyed = keyedRecord(A, 'key')
      const retry = { ...keyed, spec: { ...keyed.spec, retryOf: spec.id } }
      await insertOne(backend, retry)
      const again = keyedRecord(A, 'key')
      const other = { ...again, spec: { ...again.spec, retryOf: spec.id } }
      const refusal = [{ type: 'retried', id: retry.spec.id }]
      equal(await backend.insert([other]), refusal, 'a retry that meets its key as well')
    },
  },
  {
    name: 'records that are inserted each for itself keep no other out, and are repeated as by themselves',
    async run({ backend }) {
      // Optional.
      if (backend.insertEach === undefined) return
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      const tagged = newRecord(A, { tags: { plan: 'pro' } })
      const twin = newRecord(A, { id: 'twin' })
      const records = [
        newRecord(A),
        newRecord(A, { id: spec.id }),
        newRecord(A),
        twin,
        newRecord(A, { id: 'twin' }),
        ...Array.from({ length: 10 }, () => ({ ...newRecord(A), isOwnId: true })),
        tagged,
        { ...newRecord(A), isOwnId: true },
        ...Array.from({ length: 11 }, () => newRecord()),
        ...Array.from({ length: 12 }, (_, index) => newRecord(A, { queue: `queue-${index % 2}` })),
      ]
      const outside = new Set([1, 4])
      const answer = await backend.insertEach(records)
      const kinds = answer.map((result) => ('type' in result ? result.type : result.reason))
      const expected = records.map((_, index) => (outside.has(index) ? 'duplicate' : 'inserted'))
      equal(kinds, expected, 'the answer')
      const positions = answer.flatMap((result) =>
        'type' in result && result.type === 'inserted' ? [result.position] : [],
      )
      equal(
        positions,
        positions.toSorted((a, b) => a - b),
        'positions, which grow',
      )
      for (const [index, record] of records.entries()) {
        if (outside.has(index)) continue
        const stored = await backend.get(record.spec.id)
        equal([stored?.spec, stored?.state], [record.spec, record.state], `record ${index}`)
      }
      equal(await backend.insertEach(records), answer, 'the repeated answer')
      equal((await backend.owned(A)).length, 28, 'records of the owner')
      equal(await backend.insertEach([]), [], 'an insert of nothing')
    },
  },
  {
    name: 'a record of an owner that has not opened the backend is refused',
    async run({ backend }) {
      await backend.open(A)
      const record = newRecord({ executorId: 'nobody', now: 0 })
      await refused(() => backend.insert([newRecord(A), record]), 'closed', 'insert')
      equal((await backend.owned(A)).length, 0, 'records')
    },
  },
]

const NOW_PLUS_A_YEAR = 1_731_536_000_000
