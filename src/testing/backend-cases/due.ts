/** Promises of `claim` about time: what is due later waits, and what has become due is claimed like the rest. */

import type { Backend, NewRecord } from '../../backends/backend.ts'
import type { StoredRecord, TaskSpec, TaskState } from '../../task/record.ts'
import {
  A,
  B,
  equal,
  insertOne,
  newRecord,
  NOW,
  patchOf,
  stateOf,
  type BackendCase,
} from './case.ts'

const MAIL = { names: ['send-mail'], limit: 100, dueBefore: NOW }
const MANY = 5_000

export const dueCases: readonly BackendCase[] = [
  {
    name: 'a record that is due later is claimed from its time on, and not a millisecond before',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, dueAt(NOW + 10))
      equal(await backend.claim(A, { ...MAIL, dueBefore: NOW + 9.5 }), [], 'claimed before')
      const claimed = await backend.claim(A, { ...MAIL, dueBefore: NOW + 10 })
      equal(idsOf(claimed), [spec.id], 'claimed in time')
      equal(claimed[0]?.state.status, 'scheduled', 'its status')
    },
  },
  {
    name: 'what is due later stays behind, whatever its priority',
    async run({ backend }) {
      await backend.open(A)
      await insertOne(backend, dueAt(NOW + 1, { priority: 1_000 }))
      const due = await insertOne(backend, newRecord(null, { priority: -5 }))
      equal(idsOf(await backend.claim(A, { ...MAIL, limit: 1 })), [due.spec.id], 'claimed')
      equal(await backend.claim(A, MAIL), [], 'what is left')
    },
  },
  {
    name: 'what has become due is claimed in order with the rest: by priority downwards, then by position',
    async run({ backend }) {
      await backend.open(A)
      const kinds: readonly [TaskState['status'], Partial<TaskSpec>][] = [
        ['scheduled', { priority: 1 }],
        ['pending', { priority: 1, queue: 'other' }],
        ['retrying', { priority: 2, name: 'make-pdf' }],
        ['pending', { priority: 0 }],
        ['scheduled', { priority: 2 }],
        ['retrying', { priority: 1, queue: 'another' }],
      ]
      const ids: string[] = []
      for (const [index, [status, spec]] of kinds.entries()) {
        // The last to be inserted becomes due first.
        const state = stateOf({ status, dueAt: NOW + 10 - index })
        ids.push((await insertOne(backend, { ...newRecord(null, spec), state })).spec.id)
      }
      const names = ['send-mail', 'make-pdf']
      const query = { names, limit: 4, dueBefore: NOW + 10 }
      const expected = [2, 4, 0, 1, 5, 3].map((index) => ids[index])
      equal(idsOf(await backend.claim(A, query)), expected.slice(0, 4), 'the first four')
      equal(idsOf(await backend.claim(A, query)), expected.slice(4), 'the rest')
    },
  },
  {
    name: 'a claim for an earlier time leaves what a claim for a later time has passed by',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, dueAt(NOW + 20))
      const second = await insertOne(backend, dueAt(NOW + 10))
      const late = { ...MAIL, limit: 1, dueBefore: NOW + 20 }
      equal(idsOf(await backend.claim(A, late)), [first.spec.id], 'claimed late')
      equal(await backend.claim(A, { ...MAIL, dueBefore: NOW + 5 }), [], 'claimed early')
      equal(
        idsOf(await backend.claim(A, { ...MAIL, dueBefore: NOW + 10 })),
        [second.spec.id],
        'then',
      )
    },
  },
  {
    name: 'a record that was given up for later waits for its time, and for the latest one it was given',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const later = patchOf(stored, { status: 'retrying', owner: null, dueAt: NOW + 100 })
      await backend.update([later])
      equal(await backend.claim(A, MAIL), [], 'claimed at once')
      const [claimed] = await backend.claim(A, { ...MAIL, dueBefore: NOW + 100 })
      equal(claimed?.spec.id, stored.spec.id, 'claimed')
      if (claimed === undefined) return
      await backend.update([patchOf(claimed, { owner: null, dueAt: NOW + 200 })])
      equal(await backend.claim(A, { ...MAIL, dueBefore: NOW + 199 }), [], 'claimed too early')
      const again = await backend.claim(A, { ...MAIL, dueBefore: NOW + 200 })
      equal(idsOf(again), [stored.spec.id], 'claimed again')
    },
  },
  {
    name: 'a held record that is due later is not claimed in time, until its hold ends',
    async run({ backend }) {
      await backend.open(A)
      const state = stateOf({
        status: 'scheduled',
        owner: A.executorId,
        hold: 'handler',
        dueAt: NOW + 1,
      })
      const held = await insertOne(backend, { ...newRecord(), state })
      const released = patchOf(held, { owner: null })
      await backend.update([released])
      const later = { ...MAIL, dueBefore: NOW + 1 }
      equal(await backend.claim(A, later), [], 'claimed while held')
      equal(await backend.countUnknown([]), {}, 'counted while held')
    },
  },
  {
    name: 'records of a dead executor that are due later still are, for whoever knows the task',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const state = stateOf({ status: 'scheduled', owner: A.executorId, dueAt: NOW + 50 })
      const { spec } = await insertOne(backend, { ...newRecord(), state })
      await backend.close(A)
      await backend.adopt(B, A.executorId, ['another-task'], 9)
      equal(await backend.countUnknown(['another-task']), { 'send-mail': 1 }, 'the unknown')
      equal(await backend.claim(B, MAIL), [], 'claimed before its time')
      const claimed = await backend.claim(B, { ...MAIL, dueBefore: NOW + 50 })
      equal(idsOf(claimed), [spec.id], 'claimed in time')
    },
  },
  {
    name: 'thousands that become due in one millisecond are all claimed, each once, by claims of a few',
    async run({ backend }) {
      await backend.open(A)
      const records = Array.from({ length: MANY }, () => dueAt(NOW + 1, { name: 'burst' }))
      for (let index = 0; index < MANY; index += 500) {
        await backend.insert(records.slice(index, index + 500))
      }
      const seen = await claimAll(backend, 200)
      equal(seen.length, MANY, 'how many were claimed')
      equal(new Set(seen).size, MANY, 'different ones')
    },
  },
  {
    name: 'claims of any size give exactly what sorting everything gives, over many queues, names, statuses and times',
    async run({ backend }) {
      await backend.open(A)
      const statuses = ['pending', 'scheduled', 'retrying', 'running'] as const
      const records = Array.from({ length: 400 }, (_, index) => {
        const pick = (salt: number, count: number): number => scattered(index * 7 + salt, count)
        const spec = { name: `task-${pick(1, 6)}`, queue: `q${pick(2, 4)}`, priority: pick(3, 5) }
        const state = stateOf({
          status: statuses[pick(4, 4)] ?? 'pending',
          dueAt: NOW + pick(5, 100),
        })
        return { ...newRecord(null, spec), state }
      })
      await backend.insert(records)
      const names = ['task-0', 'task-2', 'task-3', 'task-5', 'unknown']
      let left: readonly NewRecord[] = records
      for (let round = 0; round < 40; round++) {
        const limit = 1 + scattered(round, 25)
        const dueBefore = NOW + scattered(round + 1_000, 110)
        const queue = round % 2 === 0 ? undefined : `q${scattered(round, 5)}`
        const expected = left
          .filter(({ spec, state }) => {
            const isLater = state.status === 'scheduled' || state.status === 'retrying'
            const isAsked = names.includes(spec.name) && (queue ?? spec.queue) === spec.queue
            return isAsked && (!isLater || state.dueAt <= dueBefore)
          })
          // Stable: the order of insertion decides between equals.
          .toSorted((a, b) => b.spec.priority - a.spec.priority)
          .slice(0, limit)
        const claimed = await backend.claim(A, { names, queue, limit, dueBefore })
        equal(idsOf(claimed).join(' '), expected.map(({ spec }) => spec.id).join(' '), `${round}`)
        left = left.filter((each) => !expected.includes(each))
      }
      equal(left.length < 300, true, 'that most were claimed')
    },
  },
]

/** A number from 0 up to `count` that looks like chance and is the same each time. */
function scattered(index: number, count: number): number {
  return (Math.imul(index + 1, 0x9e3779b1) >>> 12) % count
}

function dueAt(time: number, spec: Partial<TaskSpec> = {}): NewRecord {
  return { ...newRecord(null, spec), state: stateOf({ status: 'scheduled', dueAt: time }) }
}

async function claimAll(backend: Backend, limit: number): Promise<readonly string[]> {
  const seen: string[] = []
  for (;;) {
    const claimed = await backend.claim(A, { names: ['burst'], limit, dueBefore: NOW + 1 })
    if (claimed.length === 0) return seen
    seen.push(...idsOf(claimed))
  }
}

function idsOf(records: readonly StoredRecord[]): string[] {
  return records.map(({ spec }) => spec.id)
}
