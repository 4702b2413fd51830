/** Promises of `claim`, `countUnknown` and `onUnowned`: who gets a record that nobody has. */

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
  stateOf,
  type BackendCase,
} from './case.ts'

const MAIL = { names: ['send-mail'], limit: 100, dueBefore: NOW }

export const claimCases: readonly BackendCase[] = [
  {
    name: 'a claim takes the best first: by priority downwards, then by position',
    async run({ backend }) {
      await backend.open(A)
      const priorities = [0, 5, -3, 5, 0]
      for (const priority of priorities) {
        await insertOne(backend, newRecord(null, { id: `p-${++count}`, priority }))
      }
      const first = count - priorities.length
      const ids = (claimed: readonly StoredRecord[]): string[] =>
        claimed.map(({ spec }) => `${Number(spec.id.slice(2)) - first}`)
      equal(ids(await backend.claim(A, { ...MAIL, limit: 3 })), ['2', '4', '1'], 'the first three')
      equal(ids(await backend.claim(A, MAIL)), ['5', '3'], 'the rest')
      equal(await backend.claim(A, MAIL), [], 'what is left')
    },
  },
  {
    name: 'a claim takes no more of a queue than its limit, the best of each',
    async run({ backend }) {
      await backend.open(A)
      const of = async (queue: string, priority: number): Promise<string> =>
        (await insertOne(backend, newRecord(null, { queue, priority }))).spec.id
      const bulk = [await of('bulk', 9), await of('bulk', 9), await of('bulk', 8)]
      const mail = [await of('mail', 0), await of('mail', 1), await of('mail', 0)]
      const none = await of('none', 5)
      const limits = { queueLimit: 2, queueLimits: new Map([['none', 0]]) }
      const claimed = await backend.claim(A, { ...MAIL, ...limits })
      equal(idsOf(claimed), [bulk[0], bulk[1], mail[1], mail[0]], 'two of each')
      const more = await backend.claim(A, { ...MAIL, queueLimits: new Map([['bulk', 0]]) })
      equal(idsOf(more), [none, mail[2]], 'without a limit, but for one queue')
      equal(idsOf(await backend.claim(A, { ...MAIL, queueLimit: 0 })), [], 'nothing of any')
      equal(idsOf(await backend.claim(A, MAIL)), [bulk[2]], 'what was left')
    },
  },
  {
    name: 'a claim sets the owner, adds one to the fence and keeps the status',
    async run({ backend }) {
      await backend.open(A)
      const state = stateOf({ status: 'retrying', fence: 4, starts: 2 })
      const { spec } = await insertOne(backend, { ...newRecord(), state })
      const [claimed] = await backend.claim(A, MAIL)
      const expected = { ...state, owner: A.executorId, fence: 5 }
      equal(claimed?.state, expected, 'the answer')
      equal((await backend.get(spec.id))?.state, expected, 'what is stored')
    },
  },
  {
    name: 'a claim asks for task names, and for a queue when one is given',
    async run({ backend }) {
      await backend.open(A)
      const mail = await insertOne(backend, newRecord(null, { queue: 'slow' }))
      await insertOne(backend, newRecord(null, { name: 'make-pdf', queue: 'slow' }))
      await insertOne(backend, newRecord(null))
      const claimed = await backend.claim(A, { ...MAIL, queue: 'slow' })
      equal(idsOf(claimed), [mail.spec.id], 'claimed')
      equal(
        (await backend.claim(A, { names: [], limit: 5, dueBefore: NOW })).length,
        0,
        'claimed without names',
      )
    },
  },
  {
    name: 'a claim over all queues takes the best of them all',
    async run({ backend }) {
      await backend.open(A)
      const low = await insertOne(backend, newRecord(null, { queue: 'a', priority: 1 }))
      const high = await insertOne(backend, newRecord(null, { queue: 'b', priority: 2 }))
      equal(idsOf(await backend.claim(A, { ...MAIL, limit: 1 })), [high.spec.id], 'the first')
      equal(idsOf(await backend.claim(A, MAIL)), [low.spec.id], 'the second')
    },
  },
  {
    name: 'owned, ended and held records are not claimed',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      await insertOne(backend, newRecord(B))
      const ended = await insertOne(backend, newRecord(A))
      await backend.update([endOf(ended)])
      await insertOne(backend, { ...newRecord(), state: stateOf({ hold: 'response' }) })
      equal(await backend.claim(A, MAIL), [], 'claimed')
    },
  },
  {
    name: 'a hold is kept, and its end makes the record like any other',
    async run({ backend }) {
      await backend.open(A)
      const state = stateOf({ owner: A.executorId, hold: 'handler' })
      const held = await insertOne(backend, { ...newRecord(), state })
      equal((await backend.get(held.spec.id))?.state.hold, 'handler', 'hold')
      await backend.update([patchOf(held, { owner: null, hold: undefined })])
      equal(idsOf(await backend.claim(A, MAIL)), [held.spec.id], 'claimed')
    },
  },
  {
    name: 'a record that was given up is claimed by whoever comes first, and by nobody twice',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const records = [newRecord(A), newRecord(A), newRecord(A), newRecord(A)]
      for (const record of records) {
        const stored = await insertOne(backend, record)
        await backend.update([patchOf(stored, { status: 'pending', owner: null })])
      }
      const claims = await Promise.all([
        backend.claim(A, { ...MAIL, limit: 3 }),
        backend.claim(B, { ...MAIL, limit: 3 }),
      ])
      const all = claims.flatMap(idsOf)
      equal(all.length, 4, 'claimed in all')
      equal(new Set(all).size, 4, 'different ones')
    },
  },
  {
    name: 'a claimed record is stale for its former owner',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const givenUp = patchOf(stored, { status: 'pending', owner: null })
      await backend.update([givenUp])
      await backend.claim(B, MAIL)
      equal(await backend.update([endOf(stored)]), ['stale'], 'the answer')
    },
  },
  {
    name: 'owned answers the live records of one executor, by position',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      await insertOne(backend, newRecord(B))
      const unowned = await insertOne(backend, newRecord(null))
      const own = await insertOne(backend, newRecord(A))
      const ended = await insertOne(backend, newRecord(A))
      await backend.update([endOf(ended)])
      await backend.claim(A, MAIL)
      equal(idsOf(await backend.owned(A)), [unowned.spec.id, own.spec.id], 'owned')
    },
  },
  {
    name: 'unowned records of unknown names are counted by name',
    async run({ backend }) {
      await backend.open(A)
      await insertOne(backend, newRecord(A, { name: 'owned' }))
      for (const name of ['send-mail', 'old', 'old', 'older']) {
        await insertOne(backend, newRecord(null, { name }))
      }
      equal(await backend.countUnknown(['send-mail']), { old: 2, older: 1 }, 'the counts')
      await backend.claim(A, { names: ['old'], limit: 1, dueBefore: NOW })
      equal(await backend.countUnknown(['send-mail', 'older']), { old: 1 }, 'after a claim')
    },
  },
  {
    name: 'a listener hears of unowned records until it is taken off',
    async run({ backend }) {
      if (backend.onUnowned === undefined) return
      await backend.open(A)
      let heard = 0
      const stop = backend.onUnowned(() => heard++)
      await insertOne(backend, newRecord(A))
      await turn()
      equal(heard, 0, 'after an owned record')
      await insertOne(backend, newRecord(null))
      await turn()
      equal(heard > 0, true, 'heard of an unowned record')
      stop()
      heard = 0
      await insertOne(backend, newRecord(null))
      await turn()
      equal(heard, 0, 'after the listener was taken off')
    },
  },
]

let count = 0

function idsOf(records: readonly StoredRecord[]): string[] {
  return records.map(({ spec }) => spec.id)
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
