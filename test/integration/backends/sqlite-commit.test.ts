import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { createCommitQueue } from '../../../src/backends/sqlite/commit-queue.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { endOf, insertOne, newRecord, stateOf } from '../../../src/testing/backend-cases/case.ts'

const ME: Owner = { executorId: 'me', now: 1_000 }

let directory: string
let path: string
let backend: Backend
let watcher: DatabaseSync

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-commit-'))
  path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  await backend.open(ME)
  watcher = new DatabaseSync(path)
})
afterEach(async () => {
  watcher.close()
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

describe('group commit', () => {
  test('the calls of one turn are one transaction, and each is answered for itself', async () => {
    const db = new DatabaseSync(':memory:')
    db.exec('CREATE TABLE t (x)')
    const queue = createCommitQueue(db, 'x')
    const insert = db.prepare('INSERT INTO t VALUES (?)')
    const calls = Array.from({ length: 100 }, (_, x) =>
      queue.run('insert', 1, () => insert.run(x).lastInsertRowid),
    )
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, x) => x + 1))
    expect(queue.transaction).toBe(1)
    db.close()
  })

  test('a large turn is several transactions, so that no commit stalls the process for long', async () => {
    const db = new DatabaseSync(':memory:')
    const queue = createCommitQueue(db, 'x')
    await Promise.all(Array.from({ length: 5 }, () => queue.run('insert', 1_000, () => {})))
    expect(queue.transaction).toBe(3)
    db.close()
  })

  test('another connection sees all of a turn or nothing', async () => {
    const count = watcher.prepare('SELECT count(*) AS count FROM tasks')
    const answers = Promise.all(
      Array.from({ length: 50 }, async () => backend.insert([newRecord(ME)])),
    )
    expect(count.get()).toEqual({ count: 0 })
    await answers
    expect(count.get()).toEqual({ count: 50 })
  })

  test('one bad record fails alone, and its neighbours are stored', async () => {
    const bad = newRecord(ME, { priority: Number.NaN })
    const neighbours = [newRecord(ME), newRecord(ME)]
    const answers = await Promise.allSettled([
      backend.insert([neighbours[0] ?? bad]),
      backend.insert([bad]),
      backend.insert([neighbours[1] ?? bad]),
      backend.beat(ME),
    ])
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(answers[1]).toMatchObject({
      reason: { name: 'BackendUnavailableError', reason: 'unknown' },
    })
    for (const { spec } of neighbours) expect(await backend.get(spec.id)).toBeDefined()
    expect(await backend.get(bad.spec.id)).toBeUndefined()
  })

  test('counts of ended records are those of the rows, whatever fails beside them and in whatever turn they are asked', async () => {
    const stored = await Promise.all(
      Array.from({ length: 30 }, () => insertOne(backend, newRecord(ME))),
    )
    const ended = { ...newRecord(), state: stateOf({ status: 'expired', endedAt: 5 }) }
    const duplicate = newRecord(ME, { id: stored[0]?.spec.id ?? '' })
    const bad = newRecord(ME, { priority: Number.NaN })
    const ends = stored.map((each, index) => endOf(each, index % 3 === 0 ? 'failed' : 'succeeded'))
    const [answers, during] = await Promise.all([
      Promise.allSettled([
        ...ends.slice(0, 20).map(async (end) => backend.update([end])),
        backend.insert([bad]),
        backend.insert([ended]),
        backend.insert([{ ...newRecord(), state: ended.state }, duplicate]),
        backend.insert([{ ...newRecord(), state: ended.state }, bad]),
        ...ends.slice(10).map(async (end) => backend.update([end])),
        backend.sweep({ status: ['failed'], endedBefore: 0, maxFinished: 7, limit: 99, now: 0 }),
      ]),
      backend.queries?.countByStatus(),
    ])
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(2)
    expect(during).toMatchObject({ succeeded: 20, failed: 7, expired: 1 })
    expect(await backend.queries?.countByStatus()).toEqual(during)
    const rows = watcher.prepare(`SELECT status, count(*) AS count FROM tasks
      WHERE ended_at IS NOT NULL GROUP BY status ORDER BY status`)
    const counted = watcher.prepare('SELECT * FROM counts WHERE count <> 0 ORDER BY status')
    expect(counted.all()).toEqual(rows.all())
  })

  test('a bad record in a list keeps its whole list out', async () => {
    const good = newRecord(ME)
    const bad = newRecord(ME, { priority: Number.NaN })
    await expect(backend.insert([good, bad])).rejects.toMatchObject({ reason: 'unknown' })
    expect(await backend.get(good.spec.id)).toBeUndefined()
  })

  test('a lock of another process is waited for, and the process goes on meanwhile', async () => {
    watcher.exec('BEGIN IMMEDIATE')
    let turns = 0
    const ticking = setInterval(() => turns++, 5)
    const answer = insertOne(backend, newRecord(ME))
    await new Promise((resolve) => {
      setTimeout(resolve, 300)
    })
    watcher.exec('COMMIT')
    await answer
    clearInterval(ticking)
    expect(turns).toBeGreaterThan(5)
  })

  test('a lock that is not freed for 5 s is busy', async () => {
    watcher.exec('BEGIN IMMEDIATE')
    const answer = backend.insert([newRecord(ME)])
    const reading = backend.get('nobody')
    await expect(answer).rejects.toMatchObject({ reason: 'busy', operation: 'insert' })
    await expect(reading).rejects.toMatchObject({ reason: 'busy' })
    watcher.exec('COMMIT')
    await insertOne(backend, newRecord(ME))
  })

  test('a full database refuses what does not fit, keeps what was answered, and goes on with room', async () => {
    const stored = await insertOne(backend, newRecord(ME))
    await backend.close(ME)
    const limited = await limitedQueue()
    const big = 'x'.repeat(100_000)
    const answers = await Promise.allSettled([
      limited.add('small'),
      limited.add(big),
      limited.add('small too'),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(answers[1]).toMatchObject({
      reason: { reason: 'full', message: expect.stringContaining('free some space') },
    })
    limited.db.exec('PRAGMA max_page_count = 1000000')
    await limited.add(big)
    limited.db.close()
    await backend.open(ME)
    expect((await backend.get(stored.spec.id))?.spec.id).toBe(stored.spec.id)
  })

  test('a database that cannot be written to is read_only', async () => {
    const db = new DatabaseSync(path, { readOnly: true })
    const queue = createCommitQueue(db, path)
    const answer = queue.run('insert', 1, () => db.exec('DELETE FROM tasks'))
    await expect(answer).rejects.toMatchObject({ reason: 'read_only' })
    db.close()
  })

  test('the file is whole after thousands of writes and a reopening', async () => {
    for (let round = 0; round < 20; round++) {
      const stored = await Promise.all(
        Array.from({ length: 100 }, () => insertOne(backend, newRecord(ME))),
      )
      await Promise.all(stored.map(async (each) => backend.update([endOf(each)])))
      await backend.sweep({ endedBefore: 0, maxFinished: 500, limit: 10_000, now: 0 })
    }
    await backend.close(ME)
    expect(watcher.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    await backend.open(ME)
    expect(await backend.queries?.countByStatus()).toMatchObject({ succeeded: 500, running: 0 })
  })
})

/** A queue over a database of at most 20 pages. */
async function limitedQueue(): Promise<{ db: DatabaseSync; add(text: string): Promise<unknown> }> {
  const db = new DatabaseSync(join(directory, 'small.db'))
  db.exec('CREATE TABLE t (x); PRAGMA max_page_count = 20')
  const queue = createCommitQueue(db, 'small.db')
  const insert = db.prepare('INSERT INTO t VALUES (?)')
  return { db, add: (text) => queue.run('insert', 1, () => insert.run(text).changes) }
}
