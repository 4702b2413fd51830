/** Promises of `append` and `logs`. */

import type { LogPatch } from '../../backends/backend.ts'
import type { LogLine, StoredRecord } from '../../task/record.ts'
import { A, B, endOf, equal, insertOne, newRecord, NOW, patchOf, type BackendCase } from './case.ts'

export const logCases: readonly BackendCase[] = [
  {
    name: 'lines come back in the order of fences and chunks, and dropped ones count per fence',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, newRecord(A))
      const second = patchOf(first, { fence: 2, starts: 2 })
      await backend.append([chunk(first, 0, ['a', 'b'])])
      await backend.append([chunk(first, 1, ['c'], 3)])
      await backend.update([second])
      const again = { ...first, state: second.state }
      await backend.append([chunk(again, 0, ['d'], 1)])
      await backend.append([chunk(again, 1, [], 5)])
      const logs = await backend.logs(first.spec.id)
      equal(logs.lines.map(({ message }) => message).join(''), 'abcd', 'messages')
      equal(logs.dropped, 8, 'dropped')
    },
  },
  {
    name: 'a line keeps its extra fields',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const lines = [{ ...lineOf('paid'), extra: { amount: 9, nested: { ok: [true, null] } } }]
      await backend.append([{ ...chunk(stored, 0, []), lines }])
      equal((await backend.logs(stored.spec.id)).lines, lines, 'lines')
    },
  },
  {
    name: 'a chunk of an earlier fence is ok when it is repeated, and stale when it is new, whatever came after it',
    async run({ backend }) {
      await backend.open(A)
      const first = await insertOne(backend, newRecord(A))
      const second = patchOf(first, { fence: 2, starts: 2 })
      await backend.append([chunk(first, 0, ['a'])])
      await backend.update([second])
      await backend.append([chunk({ ...first, state: second.state }, 0, ['b'])])
      equal(await backend.append([chunk(first, 0, ['a'])]), ['ok'], 'the repeat')
      equal(await backend.append([chunk(first, 1, ['late'])]), ['stale'], 'the new one')
      const { lines } = await backend.logs(first.spec.id)
      equal(lines.map(({ message }) => message).join(''), 'ab', 'messages')
    },
  },
  {
    name: 'a repeated chunk is ok and not stored twice, also after the record has ended',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const patch = chunk(stored, 0, ['once'])
      await backend.append([patch])
      equal(await backend.append([patch]), ['ok'], 'the second answer')
      await backend.update([endOf(stored)])
      equal(await backend.append([patch]), ['ok'], 'the answer after the end')
      equal((await backend.logs(stored.spec.id)).lines.length, 1, 'lines')
    },
  },
  {
    name: 'lines and progress of a stale owner or fence are refused',
    async run({ backend }) {
      await backend.open(A)
      await backend.open(B)
      const stored = await insertOne(backend, newRecord(A))
      const stale = { ...stored, state: { ...stored.state, fence: 0 } }
      const patches = [
        { ...chunk(stale, 0, ['old']), progress: { done: 1 } },
        { ...chunk(stored, 0, ['theirs']), owner: B.executorId },
      ]
      equal(await backend.append(patches), ['stale', 'stale'], 'the answers')
      equal((await backend.logs(stored.spec.id)).lines, [], 'lines')
      equal((await backend.get(stored.spec.id))?.progress, undefined, 'progress')
    },
  },
  {
    name: 'progress is that of the latest append that had any',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      await backend.append([{ ...chunk(stored, 0, []), progress: { done: 1, total: 3 } }])
      await backend.append([{ ...chunk(stored, 1, ['x']), progress: { done: 2, total: 3 } }])
      await backend.append([chunk(stored, 2, ['y'])])
      equal((await backend.get(stored.spec.id))?.progress, { done: 2, total: 3 }, 'progress')
    },
  },
  {
    name: 'an array of lines that the caller uses again does not change what is stored',
    async run({ backend }) {
      await backend.open(A)
      const stored = await insertOne(backend, newRecord(A))
      const lines = [lineOf('kept')]
      await backend.append([{ ...chunk(stored, 0, []), lines }])
      lines.length = 0
      equal((await backend.logs(stored.spec.id)).lines.length, 1, 'lines')
    },
  },
  {
    name: 'a record without logs, and an unknown one, have no lines',
    async run({ backend }) {
      await backend.open(A)
      const { spec } = await insertOne(backend, newRecord(A))
      equal(await backend.logs(spec.id), { lines: [], dropped: 0 }, 'logs')
      equal(await backend.logs('nobody'), { lines: [], dropped: 0 }, 'logs of nobody')
    },
  },
]

function lineOf(message: string): LogLine {
  return { time: NOW, level: 'info', attempt: 0, message }
}

function chunk(
  { spec, state, position }: StoredRecord,
  number: number,
  messages: readonly string[],
  dropped = 0,
): LogPatch {
  return {
    id: spec.id,
    position,
    owner: state.owner ?? '',
    fence: state.fence,
    lines: messages.map(lineOf),
    chunk: number,
    dropped,
  }
}
