/** Promises of `sweep`. */

import type { LogPatch } from '../../backends/backend.ts'
import { A, endOf, equal, insertOne, newRecord, NOW, type BackendCase } from './case.ts'

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
]

const removed: string[] = []
