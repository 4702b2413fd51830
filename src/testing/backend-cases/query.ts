/** Promises of the optional queries. */

import type { Backend, RecordQueries, RecordQuery } from '../../backends/backend.ts'
import { STATUSES } from '../../task/status.ts'
import { A, endOf, equal, insertOne, newRecord, type BackendCase } from './case.ts'

export const queryCases: readonly BackendCase[] = [
  {
    name: 'a listing holds all filters at once',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        const all = { limit: 200, order: 'oldest' } as const
        const cases: readonly (readonly [Partial<RecordQuery>, string])[] = [
          [{}, 'q1 q2 q3 q4 q5'],
          [{ order: 'newest' }, 'q5 q4 q3 q2 q1'],
          [{ name: 'make-pdf' }, 'q2 q3'],
          [{ queue: 'slow' }, 'q3'],
          [{ status: ['failed'] }, 'q4'],
          [{ status: ['failed', 'running'], name: 'send-mail' }, 'q1 q4'],
          [{ status: [] }, ''],
          [{ parentId: 'q1' }, 'q2 q5'],
          [{ createdAfter: 20 }, 'q3 q4 q5'],
          [{ createdBefore: 20 }, 'q1'],
          [{ createdAfter: 10, createdBefore: 40 }, 'q2 q3'],
          [{ tags: { plan: 'pro' } }, 'q1 q3'],
          [{ tags: { plan: 'pro', team: 'b' } }, 'q3'],
          [{ tags: {} }, 'q1 q2 q3 q4 q5'],
          [{ tags: { plan: 'none' } }, ''],
          [{ tags: { toString: 'x' } }, ''],
        ]
        for (const [query, expected] of cases) {
          const found = await queries.list({ ...all, ...query })
          equal(found.map(({ spec }) => spec.id).join(' '), expected, JSON.stringify(query))
        }
      })
    },
  },
  {
    name: 'a tag filter compares whole keys and values, whatever characters they have',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await backend.open(A)
        const tags = { 'x","plan': 'pro', note: '"plan":"pro"', 'a.b$[0]': '%_' }
        const { spec } = await insertOne(backend, newRecord(A, { tags }))
        const find = async (wanted: Record<string, string>): Promise<string[]> => {
          const found = await queries.list({ tags: wanted, limit: 9, order: 'newest' })
          return found.map((record) => record.spec.id)
        }
        equal(await find({ plan: 'pro' }), [], 'a part of a key')
        equal(await find({ note: '"plan":"pro' }), [], 'a part of a value')
        equal(await find(tags), [spec.id], 'all of them')
      })
    },
  },
  {
    name: 'a listing goes on after a position, in either direction, without a gap',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        for (const order of ['oldest', 'newest'] as const) {
          const seen: string[] = []
          let after: number | undefined
          for (;;) {
            const page = await queries.list({ limit: 2, order, after })
            equal(page.length <= 2, true, 'the limit')
            if (page.length === 0) break
            seen.push(...page.map(({ spec }) => spec.id))
            after = page.at(-1)?.position
          }
          const expected = order === 'oldest' ? 'q1 q2 q3 q4 q5' : 'q5 q4 q3 q2 q1'
          equal(seen.join(' '), expected, order)
        }
      })
    },
  },
  {
    name: 'a listed record is the same as the one that get answers',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        for (const record of await queries.list({ limit: 9, order: 'newest' })) {
          equal(record, await backend.get(record.spec.id), record.spec.id)
        }
      })
    },
  },
  {
    name: 'every status is counted, with those that no record has',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        const none = Object.fromEntries(STATUSES.map((status) => [status, 0]))
        const expected = { ...none, running: 2, pending: 1, failed: 1, succeeded: 1 }
        equal(await queries.countByStatus(), expected, 'the counts')
      })
    },
  },
]

async function withQueries(
  backend: Backend,
  check: (queries: RecordQueries) => Promise<void>,
): Promise<void> {
  if (backend.queries !== undefined) await check(backend.queries)
}

async function fill(backend: Backend): Promise<void> {
  await backend.open(A)
  const pdf = 'make-pdf'
  await insertOne(backend, newRecord(A, { id: 'q1', createdAt: 10, tags: { plan: 'pro' } }))
  const second = { id: 'q2', createdAt: 20, name: pdf, parentId: 'q1', tags: { plan: 'free' } }
  await insertOne(backend, newRecord(A, second))
  const third = {
    id: 'q3',
    createdAt: 30,
    name: pdf,
    queue: 'slow',
    tags: { plan: 'pro', team: 'b' },
  }
  await insertOne(backend, newRecord(null, third))
  const fourth = await insertOne(backend, newRecord(A, { id: 'q4', createdAt: 40 }))
  const fifth = await insertOne(backend, newRecord(A, { id: 'q5', createdAt: 50, parentId: 'q1' }))
  await backend.update([endOf(fourth, 'failed'), endOf(fifth)])
}
