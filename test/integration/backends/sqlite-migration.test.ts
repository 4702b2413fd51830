import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import type { StoredRecord } from '../../../src/task/record.ts'
import {
  endOf,
  insertOne,
  keyedRecord,
  newRecord,
} from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild, type Child } from '../../support/child.ts'

/** Made by test/fixtures/sqlite/make-v1.ts with the code of version 1, which also read the records. */
const FIXTURES = join(import.meta.dirname, '../../fixtures/sqlite')
const V1 = JSON.parse(readFileSync(join(FIXTURES, 'v1.json'), 'utf8')) as {
  readonly now: number
  readonly records: readonly StoredRecord[]
  readonly logs: Readonly<Record<string, unknown>>
  readonly counts: Readonly<Record<string, number>>
}
const ME: Owner = { executorId: 'me', now: V1.now }
const PROGRAM = join(import.meta.dirname, 'store-process-child.ts')
const NAMES = ['send-mail', 'make-pdf', 'resize']

let directory: string
let path: string
let children: Child[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-migration-'))
  path = join(directory, 'tasks.db')
  copyFileSync(join(FIXTURES, 'v1.sqlite'), path)
})
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL')
    await child.ended
  }
  children = []
  rmSync(directory, { recursive: true, force: true })
})

async function opened(work: (backend: Backend) => Promise<void>): Promise<void> {
  const backend = sqliteBackend(path)
  await backend.open(ME)
  try {
    await work(backend)
  } finally {
    await backend.close(ME)
  }
}

function open(executorId: string): Child {
  const child = startChild(PROGRAM, ['open', path, executorId])
  children.push(child)
  return child
}

function read<T>(work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

function versionOf(): number {
  return read(
    (db) => (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version,
  )
}

/** Columns and indexes as SQLite understands them, whatever the text they were made with. */
function schemaOf(file: string): unknown {
  const db = new DatabaseSync(file)
  try {
    const tables = db
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
      .all() as { name: string }[]
    const indexes = db
      .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name`)
      .all() as { name: string; sql: string | null }[]
    return {
      tables: tables.map(({ name }) => [name, db.prepare(`PRAGMA table_xinfo(${name})`).all()]),
      indexes: indexes.map(({ name, sql }) => [name, sql?.replace(/\s+/g, ' ')]),
    }
  } finally {
    db.close()
  }
}

/** Copies of the records, so that bringing the file up to date takes a moment. */
function inflate(copies: number): void {
  read((db) => {
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${copies})
      INSERT INTO tasks (id, name, queue, priority, status, fence, held, created_at, ended_at, tags, state)
      SELECT id || '.' || i, name, queue, priority, status, fence, held, created_at, ended_at, tags, state
      FROM tasks, n WHERE owner IS NULL AND key IS NULL AND spec IS NOT NULL`)
  })
}

describe('a file of version 1', () => {
  test('keeps every record, log line and count as the code of version 1 read them', async () => {
    await opened(async (backend) => {
      for (const record of V1.records) {
        const found = await backend.get(record.spec.id)
        // What an executor left behind is the same; that its owner is dead, the next executor finds out.
        expect(plain(found)).toEqual(plain(record))
      }
      for (const [id, logs] of Object.entries(V1.logs)) expect(await backend.logs(id)).toEqual(logs)
      expect(await backend.queries?.countByStatus()).toEqual(V1.counts)
    })
    expect(versionOf()).toBe(2)
    expect(read((db) => db.prepare('PRAGMA integrity_check').get())).toEqual({
      integrity_check: 'ok',
    })
  })

  test('has the same tables and indexes after it as a new file', async () => {
    await opened(async () => {})
    const fresh = join(directory, 'fresh.db')
    const backend = sqliteBackend(fresh)
    await backend.open(ME)
    await backend.close(ME)
    expect(schemaOf(path)).toEqual(schemaOf(fresh))
  })

  test('gives what was due at once, and what is due later in its time', async () => {
    const live = V1.records.filter(
      ({ state }) => state.owner === null && state.endedAt === undefined,
    )
    const claimable = live.filter(({ state }) => state.hold === undefined)
    const isLater = ({ state }: StoredRecord): boolean =>
      ['scheduled', 'retrying'].includes(state.status)
    const due = claimable.filter((record) => !isLater(record) || record.state.dueAt <= V1.now)
    await opened(async (backend) => {
      const query = { names: NAMES, limit: 1_000, dueBefore: V1.now }
      const first = await backend.claim(ME, query)
      expect(idsOf(first)).toEqual(idsOf(due.toSorted(byRank)))
      const rest = await backend.claim(ME, { ...query, dueBefore: V1.now + 86_400_000 })
      const later = claimable.filter((record) => !due.includes(record))
      expect(later.length).toBeGreaterThan(10)
      expect(idsOf(rest)).toEqual(idsOf(later.toSorted(byRank)))
    })
  })

  test('keeps its keys, its dead owners, the cancels and the order of positions', async () => {
    await opened(async (backend) => {
      const [taken] = await backend.insert([keyedRecord(null, 'key-succeeded')])
      expect(taken).toMatchObject({ type: 'existing', id: 'succeeded-0' })
      const [free] = await backend.insert([keyedRecord(null, 'key-failed')])
      const last = Math.max(...V1.records.map(({ position }) => position))
      expect(free).toMatchObject({ type: 'inserted' })
      expect(free?.type === 'inserted' && free.position > last).toBe(true)
      expect(await backend.deadOwners(ME, Infinity)).toEqual(['executor-a'])
      const adopted = await backend.adopt(ME, 'executor-a', NAMES, 100)
      expect(idsOf(adopted).toSorted()).toEqual(
        ['child', 'owned-later', 'owned-running', 'parent', 'to-cancel'].toSorted(),
      )
      const cancels = [{ id: 'to-cancel', by: 'ada', reason: 'no more' }]
      expect(await backend.beat(ME)).toEqual({ type: 'ok', cancels })
    })
  })

  test('finds old records by their tags, and forgets the tags with the records', async () => {
    const countTags = (): unknown =>
      read((db) => db.prepare('SELECT count(*) AS count FROM tags').get())
    await opened(async (backend) => {
      const query = {
        tags: { plan: 'pro', status: 'expired' },
        limit: 200,
        order: 'oldest',
      } as const
      const found = await backend.queries?.list(query)
      const expected = V1.records.filter(
        ({ spec }) => spec.tags['plan'] === 'pro' && spec.tags['status'] === 'expired',
      )
      expect(expected.length).toBeGreaterThan(3)
      expect(idsOf(found?.records ?? [])).toEqual(idsOf(expected))
      const tags = V1.records.flatMap(({ spec }) => Object.keys(spec.tags)).length
      expect(countTags()).toEqual({ count: tags })
      await backend.sweep({ endedBefore: Infinity, maxFinished: 0, limit: 1_000, now: V1.now })
    })
    const live = V1.records.filter(({ state }) => state.endedAt === undefined)
    const left = live.flatMap(({ spec }) => Object.keys(spec.tags)).length
    expect(left).toBeGreaterThan(0)
    expect(countTags()).toEqual({ count: left })
  })

  test('goes on counting exactly: what ends and what is removed after it', async () => {
    await opened(async (backend) => {
      const before = await backend.queries?.countByStatus()
      const stored = await insertOne(backend, newRecord(ME))
      await backend.update([endOf(stored, 'failed', V1.now + 1_000)])
      const failed = (before?.failed ?? 0) + 1
      expect((await backend.queries?.countByStatus())?.failed).toBe(failed)
      const all = {
        status: ['failed'],
        endedBefore: 0,
        maxFinished: 1,
        limit: 100,
        now: 0,
      } as const
      expect(await backend.sweep(all)).toBe(failed - 1)
      expect((await backend.queries?.countByStatus())?.failed).toBe(1)
    })
  })

  test('with a damaged state is brought up to date, and the damaged record is due at once', async () => {
    read((db) => db.exec(`UPDATE tasks SET state = 'x', tags = '{' WHERE id = 'scheduled-19'`))
    await opened(async (backend) => {
      const query = { names: NAMES, limit: 1_000, dueBefore: V1.now }
      expect(idsOf(await backend.claim(ME, query))).toContain('scheduled-19')
    })
  })
})

describe('processes that bring one file up to date', () => {
  test('four at once: one does it, and all of them work with it', async () => {
    inflate(200)
    const count = read((db) => db.prepare('SELECT count(*) AS count FROM tasks').get())
    const processes = ['a', 'b', 'c', 'd'].map((id) => open(`process-${id}`))
    await Promise.all(processes.map((child) => child.line('closed')))
    const ends = await Promise.all(processes.map(({ ended }) => ended))
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(versionOf()).toBe(2)
    expect(read((db) => db.prepare('SELECT count(*) AS count FROM tasks').get())).toEqual(count)
  }, 60_000)

  test('killed in the middle: the file is of version 1 as before, and the next one does it', async () => {
    inflate(1_500)
    const counts = (): unknown =>
      read((db) => db.prepare('SELECT status, count(*) FROM tasks GROUP BY status').all())
    const before = counts()
    const child = open('victim')
    // Changes that do not fit into memory go into the log before the commit: then it is in the middle.
    await waitFor(() => existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 200_000, {
      timeout: '20s',
      interval: 1,
      what: 'a migration that is under way',
    })
    child.kill('SIGKILL')
    await child.ended
    expect(child.lines).toEqual(['opening'])
    expect(versionOf()).toBe(1)
    expect(counts()).toEqual(before)
    await opened(async (backend) => {
      for (const record of V1.records) {
        expect(plain(await backend.get(record.spec.id))).toEqual(plain(record))
      }
    })
    expect(versionOf()).toBe(2)
    expect(counts()).toEqual(before)
  }, 60_000)
})

/** As it looks in JSON. */
function plain(record: StoredRecord | undefined): unknown {
  return record === undefined ? undefined : JSON.parse(JSON.stringify(record))
}

function idsOf(records: readonly StoredRecord[]): string[] {
  return records.map(({ spec }) => spec.id)
}

function byRank(a: StoredRecord, b: StoredRecord): number {
  return b.spec.priority - a.spec.priority || a.position - b.position
}
