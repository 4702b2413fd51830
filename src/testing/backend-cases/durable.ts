/** Promises of backends whose store outlives its object. */

import type { LogPatch } from '../../backends/backend.ts'
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
import { hearing } from './hearing.ts'

export const durableCases: readonly BackendCase[] = [
  {
    name: 'everything that was answered is there after the store was closed and opened again',
    durable: true,
    async run({ backend, reopen }) {
      if (reopen === undefined) return
      await backend.open(A)
      const running = await insertOne(backend, newRecord(A, { tags: { plan: 'pro' } }))
      const keyed = await insertOne(backend, keyedRecord(A, 'k'))
      const unowned = await insertOne(backend, newRecord(null))
      const { id } = running.spec
      const { position, state } = running
      const lines = [{ time: NOW, level: 'info', attempt: 0, message: 'hello' }] as const
      const owner = A.executorId
      const log: LogPatch = { id, position, owner, fence: state.fence, lines, chunk: 0, dropped: 2 }
      await backend.append([{ ...log, progress: { done: 1, total: 2 } }])
      await backend.requestCancel(A, id, { by: 'ada' })
      const end = endOf(keyed)
      await backend.update([end])
      const before = await backend.get(id)
      await backend.close(A)

      const again = reopen()
      await again.open(B)
      equal(await again.get(id), before, 'the running record')
      equal(await again.logs(id), { lines, dropped: 2 }, 'its logs')
      equal((await again.get(keyed.spec.id))?.state, end.state, 'the ended record')
      equal((await again.insert([keyedRecord(B, 'k')]))[0]?.type, 'existing', 'the key')
      equal((await again.insert([newRecord(B, { id })]))[0]?.type, 'duplicate', 'the id')
      const claimed = await again.claim(B, { names: ['send-mail'], limit: 9, dueBefore: NOW })
      equal(
        claimed.map(({ spec }) => spec.id),
        [unowned.spec.id],
        'claimed',
      )
      equal(await again.deadOwners(B, NOW - 1), [A.executorId], 'dead owners')
      const adopted = await again.adopt(B, A.executorId, ['send-mail'], 9)
      equal(
        adopted.map(({ spec }) => spec.id),
        [id],
        'adopted',
      )
      equal(adopted[0]?.cancelRequest, { by: 'ada' }, 'the cancel that it has to hear of')
      const next = await insertOne(again, newRecord(B))
      equal(next.position > unowned.position, true, 'positions go on')
      await again.close(B)
    },
  },
  {
    name: 'positions go on after everything was removed and the store was opened again',
    durable: true,
    async run({ backend, reopen }) {
      if (reopen === undefined) return
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.update([endOf(stored, 'succeeded', 1)])
      await backend.sweep({ endedBefore: 2, maxFinished: 0, limit: 9, now: 2 })
      await backend.close(A)
      const again = reopen()
      await again.open(A)
      const next = await insertOne(again, newRecord(A))
      equal(next.position > stored.position, true, `${next.position} after ${stored.position}`)
      await again.close(A)
    },
  },
  {
    name: 'two backend objects over one store share it',
    durable: true,
    async run({ backend, reopen }) {
      if (reopen === undefined) return
      const other = reopen()
      await backend.open(A)
      await other.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const waiting = await insertOne(backend, newRecord(null))
      equal((await other.get(stored.spec.id))?.state, stored.state, 'seen by the other')
      equal(await other.deadOwners(B, NOW + 60_000), [], 'dead owners')
      const [claimed] = await other.claim(B, { names: ['send-mail'], limit: 9, dueBefore: NOW })
      equal(claimed?.spec.id, waiting.spec.id, 'claimed by the other')
      let heard = 0
      const stop = backend.onCancel?.(() => heard++)
      await other.requestCancel(B, stored.spec.id, { by: 'bob' })
      if (stop !== undefined) {
        const again = (): unknown => other.requestCancel(B, stored.spec.id, { by: 'bob' })
        await hearing(again, () => heard > 0)
        stop()
      }
      const beat = { type: 'ok', cancels: [{ id: stored.spec.id, by: 'bob' }] }
      equal(await backend.beat(A), beat, 'the cancel from the other')
      const results = await Promise.all([
        backend.insert([newRecord(A)]),
        other.insert([newRecord(B)]),
        backend.insert([newRecord(A)]),
      ])
      const positions = results.flat().map((result) => JSON.stringify(result))
      equal(new Set(positions).size, 3, 'different positions')
      await backend.close(A)
      equal(await other.deadOwners(B, NOW - 1), [A.executorId], 'dead after the close')
      await other.close(B)
    },
  },
]
