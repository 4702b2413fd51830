/** Promises of `sweep`. */

import type { LogPatch, StatePatch } from '../../backends/backend.ts'
import { A, endOf, equal, insertOne, newRecord, NOW, stateOf, type BackendCase } from './case.ts'

const KEEP_ALL = { endedBefore: 0, maxFinished: 1_000, limit: 1_000, now: NOW }

export const retentionCases: readonly BackendCase[] = [
  {
    name: 'what finished before the retention goes, whatever the order of its end',
    async run({ backend }) {
      await backend.open(A)
      const kept: string[] = []
      for (const endedAt of [300, 100, 200, 250]) {
        const stored = await insertOne(backend, newRecord(A))
        await backend.update([endOf(stored, 'succeeded', endedAt)])
        if (endedAt >= 250) kept.push(stored.spec.id)
        else removed.push(stored.spec.id)
      }
      const removedNow = await backend.sweep({ ...KEEP_ALL, endedBefore: 250 })
      equal(removedNow, 2, 'how many it removed')
      for (const id of kept) equal((await backend.get(id))?.spec.id, id, 'a kept record')
      for (const id of removed) equal(await backend.get(id), undefined, 'a removed record')
      removed.length = 0
    },
  },
  {
    name: 'beyond the number of finished records, the oldest go',
    async run({ backend }) {
      await backend.open(A)
      const ids: string[] = []
      for (const endedAt of [10, 30, 20, 40]) {
        const stored = await insertOne(backend, newRecord(A))
        ids.push(stored.spec.id)
        await backend.update([endOf(stored, 'failed', endedAt)])
      }
      await backend.sweep({ ...KEEP_ALL, maxFinished: 2 })
      const left = await Promise.all(ids.map(async (id) => backend.get(id)))
      const ends = left.map((record) => record?.state.endedAt)
      equal(ends, [undefined, 30, undefined, 40], 'the ends of what is left')
    },
  },
  {
    name: 'one sweep removes no more than its limit, the oldest first',
    async run({ backend }) {
      await backend.open(A)
      for (let endedAt = 1; endedAt <= 5; endedAt++) {
        const stored = await insertOne(backend, newRecord(A, { id: `old-${endedAt}` }))
        await backend.update([endOf(stored, 'succeeded', endedAt)])
      }
      await backend.sweep({ ...KEEP_ALL, endedBefore: 100, limit: 2 })
      equal(await backend.get('old-2'), undefined, 'the second')
      equal((await backend.get('old-3'))?.spec.id, 'old-3', 'the third')
      await backend.sweep({ ...KEEP_ALL, endedBefore: 100, limit: 2 })
      equal(await backend.get('old-4'), undefined, 'the fourth')
      equal((await backend.get('old-5'))?.spec.id, 'old-5', 'the fifth')
    },
  },
  {
    name: 'live records stay, however old and many',
    async run({ backend }) {
      await backend.open(A)
      await insertOne(backend, newRecord(A, { createdAt: 1 }))
      await insertOne(backend, newRecord(null, { createdAt: 1 }))
      const all = { endedBefore: NOW * 2, maxFinished: 0, limit: 100, now: NOW * 2 }
      equal(await backend.sweep(all), 0, 'how many it removed')
    },
  },
  {
    name: 'the logs of a removed record go with it',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const { spec, position, state } = stored
      const line = { time: 1, level: 'info', attempt: 0, message: 'hello' } as const
      const { executorId: owner } = A
      const patch: LogPatch = {
        id: spec.id,
        position,
        owner,
        fence: state.fence,
        lines: [line],
        chunk: 0,
        dropped: 0,
      }
      await backend.append([patch])
      await backend.update([endOf(stored, 'succeeded', 1)])
      await backend.sweep({ ...KEEP_ALL, endedBefore: 2 })
      equal(await backend.logs(spec.id), { lines: [], dropped: 0 }, 'logs')
      equal(await backend.update([endOf(stored, 'succeeded', 1)]), ['stale'], 'a late write')
      equal(await backend.append([{ ...patch, chunk: 1 }]), ['stale'], 'a late line')
    },
  },
  {
    name: 'retention by status looks at, counts and removes records of that status only',
    async run({ backend }) {
      await backend.open(A)
      for (const [id, status, endedAt] of [
        ['s-1', 'succeeded', 10],
        ['f-1', 'failed', 20],
        ['s-2', 'succeeded', 30],
        ['c-1', 'cancelled', 40],
        ['f-2', 'failed', 50],
        ['s-3', 'succeeded', 60],
      ] as const) {
        const stored = await insertOne(backend, newRecord(A, { id }))
        await backend.update([endOf(stored, status, endedAt)])
      }
      const left = async (): Promise<string> => {
        const ids = ['s-1', 'f-1', 's-2', 'c-1', 'f-2', 's-3']
        const found = await Promise.all(ids.map(async (id) => backend.get(id)))
        return found.flatMap((record) => record?.spec.id ?? []).join(' ')
      }
      await backend.sweep({ ...KEEP_ALL, status: ['succeeded'], maxFinished: 2 })
      equal(await left(), 'f-1 s-2 c-1 f-2 s-3', 'after a sweep by count')
      await backend.sweep({ ...KEEP_ALL, status: ['failed'], endedBefore: 50 })
      equal(await left(), 's-2 c-1 f-2 s-3', 'after a sweep by age')
      await backend.sweep({ ...KEEP_ALL, status: ['failed', 'cancelled'], maxFinished: 1 })
      equal(await left(), 's-2 f-2 s-3', 'after a sweep of two statuses')
      const nothing = { ...KEEP_ALL, endedBefore: NOW, maxFinished: 0 }
      equal(await backend.sweep({ ...nothing, status: [] }), 0, 'a sweep of no status')
      equal(await backend.sweep({ ...nothing, status: ['running'] }), 0, 'a sweep of live records')
      await backend.sweep({ ...KEEP_ALL, maxFinished: 1 })
      equal(await left(), 's-3', 'after a sweep of all')
    },
  },
  {
    name: 'how many finished records stay is exact after repeats, refusals and removals',
    async run({ backend }) {
      await backend.open(A)
      const ends: StatePatch[] = []
      for (let index = 0; index < 8; index++) {
        const stored = await insertOne(backend, newRecord(A, { id: `n-${index}` }))
        ends.push(endOf(stored, 'succeeded', index))
      }
      await backend.update(ends)
      await backend.update(ends)
      const [first] = ends
      if (first !== undefined) await backend.update([{ ...first, fence: 7 }, first])
      const ended = { ...newRecord(), state: stateOf({ status: 'succeeded', endedAt: 8 }) }
      await backend.insert([ended])
      await backend.insert([ended])
      const duplicate = newRecord(A, { id: 'n-0' })
      const another = { ...newRecord(), state: ended.state }
      equal((await backend.insert([another, duplicate]))[1]?.type, 'duplicate', 'a refused insert')
      // Nine have ended: a count that is one too high or too low removes another number.
      await backend.sweep({ ...KEEP_ALL, maxFinished: 5 })
      equal(await backend.get('n-3'), undefined, 'the fourth')
      equal((await backend.get('n-4'))?.spec.id, 'n-4', 'the fifth')
      await backend.sweep({ ...KEEP_ALL, maxFinished: 4 })
      equal(await backend.get('n-4'), undefined, 'the fifth after another sweep')
      equal((await backend.get('n-5'))?.spec.id, 'n-5', 'the sixth')
      const counts = await backend.queries?.countByStatus()
      if (counts !== undefined) equal(counts.succeeded, 4, 'the count by status')
    },
  },
]

const removed: string[] = []
