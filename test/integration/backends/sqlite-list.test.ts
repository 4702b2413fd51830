import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend, RecordQueries, RecordQuery } from '../../../src/backends/backend.ts'
import { createNarrowSpan } from '../../../src/backends/sqlite/creation-order.ts'
import { createList } from '../../../src/backends/sqlite/list.ts'
import { LIST_LIMITS } from '../../../src/backends/sqlite/list-source.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import {
  chooser,
  fillMixed,
  pagesOf,
  plainAnswer,
  someQuery,
} from '../../../src/testing/backend-cases/mixed-records.ts'
import { A, B, insertOne, newRecord, NOW } from '../../../src/testing/backend-cases/case.ts'
import type { StoredRecord } from '../../../src/task/record.ts'
import { FIRST_CREATED, insertMany, MS_PER_RECORD } from '../../support/many-records.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-list-'))
})
afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

const ids = (records: readonly StoredRecord[]): string =>
  records.map(({ spec }) => spec.id).join(' ')

/** Asks `db` by itself, with these limits. */
function listing(db: DatabaseSync, limits: Partial<typeof LIST_LIMITS>) {
  return { list: createList(db, { ...LIST_LIMITS, ...limits }), countByStatus: () => ({}) as never }
}

describe('a list by indexes', () => {
  let backend: Backend
  let db: DatabaseSync
  let records: StoredRecord[]
  const tiny = { firstRows: 1, rows: 7, searchedRows: 5, candidates: 3, probed: 2 }

  beforeAll(async () => {
    const path = join(directory, 'mixed.db')
    backend = sqliteBackend(path)
    records = await fillMixed(backend, chooser(5), 600)
    db = new DatabaseSync(path)
  })
  afterAll(async () => {
    db.close()
    await backend.close(A)
    await backend.close(B)
  })

  test.each([
    ['with the index that has the fewest', { ...tiny, rowsPerCandidate: 0 }],
    ['with the index or the table, as it comes', { ...tiny, rowsPerCandidate: 2 }],
    ['with the table alone', { ...tiny, rowsPerCandidate: Infinity }],
    ['with one step to each page', { ...tiny, rowsPerCandidate: 0, budget: 1 }],
    ['with one step through the table to each page', { ...tiny, rowsPerCandidate: 1e9, budget: 1 }],
  ])('finds what a plain search finds, %s', async (_, limits) => {
    const choose = chooser(99)
    const queries = listing(db, limits)
    const rounds = 'budget' in limits ? 40 : 150
    for (let round = 0; round < rounds; round++) {
      const query = someQuery(choose)
      const found = (await pagesOf(queries, query)).flat()
      expect([JSON.stringify(query), ids(found)]).toEqual([
        JSON.stringify(query),
        ids(plainAnswer(records, query)),
      ])
    }
  })

  test('a call that may do little answers short and empty pages, and goes on', async () => {
    const queries = listing(db, { ...tiny, rowsPerCandidate: Infinity, budget: 1 })
    const query: RecordQuery = { name: 'z', text: 'refused', limit: 50, order: 'newest' }
    const pages = await pagesOf(queries, query)
    expect(pages.length).toBeGreaterThan(50)
    expect(pages.some((page) => page.length === 0)).toBe(true)
    expect(ids(pages.flat())).toBe(ids(plainAnswer(records, query)))
  })

  test('a page of large records ends early, and has one in any case', async () => {
    const inputJson = JSON.stringify('x'.repeat(8_000_000))
    const large = await sqliteWith('large.db', async (other) => {
      for (const id of ['l1', 'l2', 'l3']) await insertOne(other, newRecord(A, { id, inputJson }))
    })
    const pages = await pagesOf(listing(large, {}), { limit: 10, order: 'oldest' })
    expect(pages.map((page) => page.length)).toEqual([2, 1])
    large.close()
  })
})

/** A database that `fill` has filled. */
async function sqliteWith(
  file: string,
  fill: (backend: Backend) => Promise<void>,
): Promise<DatabaseSync> {
  const path = join(directory, file)
  const backend = sqliteBackend(path)
  await backend.open(A)
  await fill(backend)
  await backend.close(A)
  return new DatabaseSync(path)
}

describe('a list by time', () => {
  test('leaves out what cannot match, and finds what a clock that was set back has moved', async () => {
    const ages = [0, 0, 0, 0, 3, 700]
    const choose = chooser(17)
    const times: number[] = []
    const db = await sqliteWith('times.db', async (backend) => {
      for (let start = 0; start < 4_000; start += 500) {
        const batch = Array.from({ length: 500 }, (__, index) => {
          // An hour back in the middle, and forwards again.
          const jump = start === 2_000 && index < 100 ? 3_600_000 : 0
          const createdAt = NOW + (start + index) * 1_000 - choose(ages) - jump
          times.push(createdAt)
          return newRecord(null, { createdAt })
        })
        await backend.insert(batch)
      }
    })
    const queries = listing(db, {})
    for (let round = 0; round < 60; round++) {
      const createdAfter =
        NOW + choose([0, 500, 1_999, 2_100, 3_990]) * 1_000 - choose([0, 1, 3_600_000])
      const createdBefore = createdAfter + choose([1, 5_000, 400_000, 3_700_000])
      const windows = [
        { createdAfter, createdBefore: Infinity },
        { createdAfter: -Infinity, createdBefore },
        { createdAfter, createdBefore },
      ]
      for (const { createdAfter: after, createdBefore: before } of windows) {
        const query: RecordQuery = {
          createdAfter: after === -Infinity ? undefined : after,
          createdBefore: before === Infinity ? undefined : before,
          limit: 200,
          order: 'oldest',
        }
        const found = (await pagesOf(queries, query)).flat()
        const expected = times.filter((time) => time > after && time < before)
        expect(found.map(({ spec }) => spec.createdAt)).toEqual(expected)
      }
    }
    db.close()
  })

  test('finds what a file of the first version has, however its clock went', async () => {
    const path = join(directory, 'v1.db')
    copyFileSync(join(import.meta.dirname, '../../fixtures/sqlite/v1.sqlite'), path)
    // Of before, when nobody noted how far the clock was set back: from a day ahead to a day behind.
    const old = new DatabaseSync(path)
    const { changes } = old
      .prepare('UPDATE tasks SET created_at = ? + (CASE seq % 3 WHEN 0 THEN ? ELSE -? END)')
      .run(NOW, 86_400_000, 86_400_000)
    const columns = 'name, queue, priority, status, owner, fence, held, ended_at, state'
    const copy = old.prepare(`INSERT INTO tasks (seq, id, created_at, ${columns})
      SELECT (SELECT max(seq) + 1 FROM tasks), id || ?, ?, ${columns} FROM tasks ORDER BY seq LIMIT 1`)
    for (let index = 0; index < 300; index++) {
      copy.run(`-${index}`, NOW + index - (index % 2) * 86_400_000)
    }
    old.close()
    const backend = sqliteBackend(path)
    await backend.open(A)
    const queries = backend.queries as RecordQueries
    const all = (await pagesOf(queries, { limit: 200, order: 'newest' })).flat()
    expect(all).toHaveLength(Number(changes) + 300)
    for (const createdAfter of [NOW - 90_000_000, NOW - 1, NOW + 150, NOW + 90_000_000]) {
      const found = (await pagesOf(queries, { createdAfter, limit: 200, order: 'newest' })).flat()
      expect(ids(found)).toBe(ids(all.filter(({ spec }) => spec.createdAt > createdAfter)))
    }
    await backend.close(A)
  })

  test('narrows the span to the time that was asked for, and the disorder of the clocks', async () => {
    const db = await sqliteWith('narrow.db', async (backend) => {
      const all = Array.from({ length: 20_000 }, (_, index) =>
        newRecord(null, { createdAt: NOW + index * 100 }),
      )
      for (let start = 0; start < all.length; start += 1_000) {
        await backend.insert(all.slice(start, start + 1_000))
      }
    })
    const span = { low: 0, high: Number.MAX_SAFE_INTEGER, order: 'newest' } as const
    const createdAfter = NOW + 1_000_000
    const narrowed = createNarrowSpan(db)(span, {
      createdAfter,
      createdBefore: createdAfter + 10_000,
      limit: 1,
      order: 'newest',
    })
    // 100 records match; the clocks noted a second in advance make 10 on each side, and halving stops near the end.
    expect(narrowed.low).toBeGreaterThan(9_900)
    expect(narrowed.low).toBeLessThanOrEqual(10_002)
    expect(narrowed.high).toBeGreaterThanOrEqual(10_100)
    expect(narrowed.high).toBeLessThan(10_200)
    db.close()
  })
})

describe('a hundred thousand records', () => {
  const COUNT = 100_000
  let backend: Backend
  let db: DatabaseSync

  beforeAll(async () => {
    const path = join(directory, 'many.db')
    backend = sqliteBackend(path)
    await insertMany(backend, COUNT)
    db = new DatabaseSync(path)
  }, 120_000)
  afterAll(async () => {
    db.close()
    await backend.close({ executorId: 'many-records', now: 0 })
  })

  const common: Readonly<Record<string, Partial<RecordQuery>>> = {
    nothing: {},
    succeeded: { status: ['succeeded'] },
    failed: { status: ['failed'] },
    expired: { status: ['expired'] },
    'all bad ends': { status: ['failed', 'interrupted', 'expired'] },
    'what is done': { status: ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] },
    name: { name: 'task-3' },
    queue: { queue: 'queue-2' },
    'name and queue': { name: 'task-3', queue: 'queue-2' },
    'failed of a name': { status: ['failed'], name: 'task-3' },
    'failed of a queue': { status: ['failed'], queue: 'queue-2' },
    tag: { tags: { plan: 'pro' } },
    'a rare tag': { tags: { tenant: 'tenant-7' } },
    'a tag of failed ones': { tags: { plan: 'pro' }, status: ['failed'] },
    parent: { parentId: 'record-40000' },
    'a stretch of time': {
      createdAfter: FIRST_CREATED + 20_000 * MS_PER_RECORD,
      createdBefore: FIRST_CREATED + 80_000 * MS_PER_RECORD,
    },
    'failed in a stretch of time': {
      status: ['failed'],
      createdAfter: FIRST_CREATED + 20_000 * MS_PER_RECORD,
    },
  }

  test.each(Object.entries(common))(
    'a page of %s is full at once, from anywhere in the list, with half of what a call may do',
    (_, filters) => {
      // In which it could walk past a fifth of the records: of ten times as many, it needs no more.
      const list = createList(db, { ...LIST_LIMITS, budget: LIST_LIMITS.budget / 2 })
      for (const order of ['newest', 'oldest'] as const) {
        for (const after of [undefined, 60_000, 30_000]) {
          const { records, next } = list({ ...filters, limit: 50, order, after })
          if (next !== undefined) expect([order, after, records.length]).toEqual([order, after, 50])
        }
      }
    },
  )

  test.each([
    ['a name that is rare', { name: 'nightly-report' }],
    ['a tag that is rare', { tags: { incident: 'yes' } }],
    ['a name that nobody has', { name: 'nobody' }],
    ['a time before all', { createdBefore: FIRST_CREATED }],
    ['a rare tag of what failed', { tags: { tenant: 'tenant-7' }, status: ['failed'] }],
    [
      'an expired one of a name and queue',
      { status: ['expired'], name: 'task-3', queue: 'queue-2' },
    ],
  ] as const)('all of %s are one page', (_, filters) => {
    const list = createList(db, { ...LIST_LIMITS, budget: LIST_LIMITS.budget / 2 })
    for (const order of ['newest', 'oldest'] as const) {
      const { records, next } = list({ ...filters, limit: 200, order })
      const where = whereOf(filters)
      const { count } = db.prepare(`SELECT count(*) AS count FROM tasks WHERE ${where}`).get() as {
        count: number
      }
      expect([records.length, next]).toEqual([count, undefined])
    }
  })

  test('a text that nobody has is looked for in pages of bounded work, to the end', async () => {
    const pages = await pagesOf(backend.queries as never, {
      text: 'no such text',
      limit: 50,
      order: 'newest',
    })
    expect(pages.flat()).toEqual([])
    expect(pages.length).toBeGreaterThan(3)
    expect(pages.length).toBeLessThan(60)
  })

  test('the counts are those of the table', async () => {
    const rows = db.prepare('SELECT status, count(*) AS count FROM tasks GROUP BY status').all()
    const counts = Object.values((await backend.queries?.countByStatus()) ?? {})
    expect(counts).toEqual(rows.map((row) => row['count']))
  })

  test('a list writes nothing, and is not in the transaction of those who write', async () => {
    const writer = new DatabaseSync(join(directory, 'many.db'))
    writer.exec('BEGIN IMMEDIATE')
    // Another process is writing: whoever reads needs no lock.
    const page = await backend.queries?.list({ status: ['failed'], limit: 5, order: 'newest' })
    expect(page?.records).toHaveLength(5)
    writer.exec('ROLLBACK')
    writer.close()
  })
})

function whereOf(filters: Partial<RecordQuery>): string {
  const parts: string[] = []
  if (filters.name !== undefined) parts.push(`name = '${filters.name}'`)
  if (filters.queue !== undefined) parts.push(`queue = '${filters.queue}'`)
  if (filters.status?.[0] === 'failed') parts.push('status = 5')
  if (filters.status?.[0] === 'expired') parts.push('status = 8')
  if (filters.createdBefore !== undefined) parts.push(`created_at < ${filters.createdBefore}`)
  for (const [key, value] of Object.entries(filters.tags ?? {})) {
    parts.push(`json_extract(tags, '$.${key}') = '${value}'`)
  }
  return parts.join(' AND ')
}
