/** Promises of the optional queries. */

import type { Backend, RecordQueries, RecordQuery } from '../../backends/backend.ts'
import type { StoredRecord, TaskSpec } from '../../task/record.ts'
import type { SerializedError } from '../../task/serialized-error.ts'
import { isTerminal, STATUSES, type Status } from '../../task/status.ts'
import { A, endOf, equal, insertOne, newRecord, NOW, type BackendCase } from './case.ts'
import { chooser, fillMixed, pagesOf, plainAnswer, someQuery } from './mixed-records.ts'

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
          [{ name: '' }, ''],
          [{ queue: '' }, ''],
          [{ parentId: '' }, ''],
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
          equal(await idsOf(queries, { ...all, ...query }), expected, JSON.stringify(query))
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
        const find = (wanted: Record<string, string>): Promise<string> =>
          idsOf(queries, { tags: wanted, limit: 9, order: 'newest' })
        equal(await find({ plan: 'pro' }), '', 'a part of a key')
        equal(await find({ note: '"plan":"pro' }), '', 'a part of a value')
        equal(await find(tags), spec.id, 'all of them')
      })
    },
  },
  {
    name: 'a listing goes on after a position, in either direction, without a gap',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        for (const order of ['oldest', 'newest'] as const) {
          const pages = await pagesOf(queries, { limit: 2, order })
          const seen = pages.flat().map(({ spec }) => spec.id)
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
        const { records, next } = await queries.list({ limit: 9, order: 'newest' })
        equal([records.length, next], [5, undefined], 'all of them')
        for (const record of records) {
          equal(record, await backend.get(record.spec.id), record.spec.id)
        }
      })
    },
  },
  {
    name: 'a full page with nothing after it is the last',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await fill(backend)
        const { records, next } = await queries.list({
          name: 'make-pdf',
          limit: 2,
          order: 'oldest',
        })
        equal([records.length, next], [2, undefined], 'the page')
      })
    },
  },
  {
    name: 'filters by chance find what a plain search finds, once and in order, page by page',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        const choose = chooser(20_261_121)
        const records = await fillMixed(backend, choose, 150)
        equal(await idsOf(queries, { limit: 200, order: 'oldest' }), ids(records), 'all of them')
        for (let round = 0; round < 300; round++) {
          const query = someQuery(choose)
          const found = (await pagesOf(queries, query)).flat()
          equal(ids(found), ids(plainAnswer(records, query)), JSON.stringify(query))
        }
      })
    },
  },
  {
    name: 'each record is listed by its status alone, whoever has it and whether or not it is held',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        const records = await fillMixed(backend, chooser(7), 150)
        for (const status of STATUSES) {
          for (const order of ['oldest', 'newest'] as const) {
            const query: RecordQuery = { status: [status], limit: 7, order }
            const found = (await pagesOf(queries, query)).flat()
            equal(ids(found), ids(plainAnswer(records, query)), `${status}, ${order}`)
          }
        }
      })
    },
  },
  {
    name: 'a text is found in id, name, label, tag values and error, and nowhere else',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        await backend.open(A)
        const insert = async (spec: Partial<TaskSpec>, error?: SerializedError): Promise<void> => {
          const stored = await insertOne(backend, newRecord(A, spec))
          const end = endOf(stored, 'failed')
          const result = { resultJson: '"hidden"', reason: 'hidden' }
          await backend.update([{ ...end, state: { ...end.state, ...result, error } }])
        }
        const hidden = { inputJson: '"hidden"', queue: 'hidden', headers: { hidden: 'hidden' } }
        await insert({ id: 'the-Id', ...hidden, tags: { hidden: 'shown' } })
        await insert({ id: 't2', name: 'Make-PDF' })
        await insert({ id: 't3', label: 'It\'s "50 %" \\ _ \u0000 \ud800 Ä' })
        await insert({ id: 't4', tags: { plan: 'tab\there', more: '' } })
        await insert({ id: 't5' }, errorOf('RangeError', 'too\nlong', 'hidden'))
        await insert({
          id: 't6',
          label: 'x'.repeat(5_000),
          inputJson: JSON.stringify('hidden'.repeat(9_000)),
        })
        const cases: readonly (readonly [string, string])[] = [
          ['THE-ID', 'the-Id'],
          ['make-pdf', 't2'],
          ['it\'s "5', 't3'],
          ['50 %', 't3'],
          ['\\ _', 't3'],
          ['_ \u0000 \ud800 Ä', 't3'],
          ['ä', ''],
          ['B\tH', 't4'],
          ['rangee', 't5'],
          ['TOO\nL', 't5'],
          ['t', 'the-Id t2 t3 t4 t5 t6'],
          ['shown', 'the-Id'],
          ['hidden', ''],
          ['plan', ''],
          ['%', 't3'],
          ['x'.repeat(200), 't6'],
        ]
        for (const [text, expected] of cases) {
          for (const more of [{}, { status: ['failed'] }, { tags: {} }] as const) {
            const query: RecordQuery = { ...more, text, limit: 9, order: 'oldest' }
            equal(await idsOf(queries, query), expected, JSON.stringify(query))
          }
        }
      })
    },
  },
  {
    name: 'what is there all the time is listed once, while other records come and go',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        const choose = chooser(11)
        for (const order of ['oldest', 'newest'] as const) {
          const before = order === 'oldest' ? await fillMixed(backend, choose, 120) : []
          const stays = (await pagesOf(queries, { status: ['pending'], limit: 200, order })).flat()
          const seen: StoredRecord[] = []
          let after: number | undefined
          do {
            const page = await queries.list({ limit: 3, order, after })
            seen.push(...page.records)
            after = page.next
            if (seen.length > 400) break
            await insertOne(backend, newRecord(A))
            await backend.sweep({ endedBefore: NOW + 9, maxFinished: 1_000, limit: 1, now: NOW })
          } while (after !== undefined)
          const listed = seen.filter(({ spec }) => stays.some((each) => each.spec.id === spec.id))
          equal(ids(listed), ids(stays), `${order}, of ${before.length}`)
          equal(new Set(ids(seen).split(' ')).size, seen.length, 'none of them twice')
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
  {
    name: 'the counts are those of the records, whatever became of them',
    async run({ backend }) {
      await withQueries(backend, async (queries) => {
        const records = await fillMixed(backend, chooser(3), 150)
        const expected = Object.fromEntries(
          STATUSES.map((status) => [
            status,
            records.filter(({ state }) => state.status === status).length,
          ]),
        )
        equal(await queries.countByStatus(), expected, 'the counts')
        const sweep = { endedBefore: NOW + 9, maxFinished: 1_000, limit: 1_000, now: NOW }
        await backend.sweep(sweep)
        const left = Object.entries(expected).map(([status, count]) => [
          status,
          isTerminal(status as Status) ? 0 : count,
        ])
        equal(await queries.countByStatus(), Object.fromEntries(left), 'after the sweep')
      })
    },
  },
]

function ids(records: readonly StoredRecord[]): string {
  return records.map(({ spec }) => spec.id).join(' ')
}

async function idsOf(queries: RecordQueries, query: RecordQuery): Promise<string> {
  return ids((await pagesOf(queries, query)).flat())
}

function errorOf(name: string, message: string, stack: string): SerializedError {
  return { name, message, stack, fields: { hidden: stack }, fingerprint: '0' }
}

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
