import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqliteStreamObserver } from '../../../src/observers/sqlite-stream/observer.ts'
import type { SqliteStreamObserverOptions } from '../../../src/observers/sqlite-stream/observer.ts'
import { readSqliteEvents } from '../../../src/observers/sqlite-stream/read.ts'
import type { StreamItem } from '../../../src/observers/stream/item.ts'
import type { StreamObserver } from '../../../src/observers/stream/observer.ts'
import type { ReadOptions } from '../../../src/observers/stream/read-options.ts'
import { observerCases } from '../../../src/testing/observer-cases.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { logEvent, shortly, startedEvent, take, upTo } from '../../support/stream-events.ts'

const writer = join(import.meta.dirname, 'sqlite-stream-writer.ts')

let directory = ''
let path = ''
let reports: string[] = []
let observers: StreamObserver[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-stream-'))
  path = join(directory, 'events.db')
  reports = []
  observers = []
})
afterEach(async () => {
  for (const observer of observers) await observer.close()
  rmSync(directory, { recursive: true })
})

function observe(options: SqliteStreamObserverOptions = {}): StreamObserver {
  const observer = sqliteStreamObserver(path, options)
  observer.start({ report: (error) => reports.push(String(error)) })
  observers.push(observer)
  return observer
}

const read = (options: ReadOptions = {}) => readSqliteEvents(path, { from: 'start', ...options })

/** All that the stream has now. */
async function all(options: ReadOptions = {}): Promise<StreamItem[]> {
  const end = observe()
  end.onEvent(logEvent(0, { executorId: 'end', level: 'error' }))
  await end.close()
  const items: StreamItem[] = []
  for await (const item of read(options)) {
    if (item.event?.executorId === 'end') break
    items.push(item)
  }
  return items
}

const ofExecutor = (items: readonly StreamItem[], executorId: string) =>
  shortly(items.filter((item) => item.event?.executorId === executorId))

describe('sqliteStreamObserver', () => {
  it.each(observerCases)('$name', ({ run }) =>
    run(() => ({
      observer: sqliteStreamObserver(path),
      delivered: async () => (await all()).filter((item) => item.type === 'event').length,
    })),
  )

  it('is written by several processes and read by another, live: each event once, in its order', async () => {
    const names = ['one', 'two', 'three']
    const items: StreamItem[] = []
    const controller = new AbortController()
    const reading = (async () => {
      for await (const item of read({ signal: controller.signal })) items.push(item)
    })()
    const children = names.map((name) => startChild(writer, [path, name, '2000', '20']))
    for (const { ended } of children) expect(await ended).toMatchObject({ code: 0, stderr: '' })
    await waitFor(() => items.length >= 6_000)
    await sleep(150)
    controller.abort()
    await reading
    expect(items).toHaveLength(6_000)
    for (const name of names) expect(ofExecutor(items, name)).toEqual(upTo(2_000))
  }, 30_000)

  it('loses nothing that was stored when its process is killed, and stores what waits when it ends', async () => {
    const killed = startChild(writer, [path, 'killed', '100000', '20'])
    await killed.line('stored 400')
    killed.kill()
    await killed.ended
    const stored = Number(killed.lines.at(-1)?.slice(7))
    const exits = startChild(writer, [path, 'exits', '95', '20', 'exit'])
    expect(await exits.ended).toMatchObject({ code: 0 })
    const natural = startChild(writer, [path, 'natural', '95', '20', 'natural'])
    expect(await natural.ended).toMatchObject({ code: 0 })
    const items = await all()
    const seqs = ofExecutor(items, 'killed')
    expect(seqs.length).toBeGreaterThanOrEqual(stored)
    expect(seqs).toEqual(upTo(seqs.length))
    expect(ofExecutor(items, 'exits')).toEqual(upTo(95))
    expect(ofExecutor(items, 'natural')).toEqual(upTo(95))
    expect(items.filter(({ type }) => type !== 'event')).toEqual([])
  }, 30_000)

  it('keeps about maxLen entries, and says what has been trimmed', async () => {
    const observer = observe({ maxLen: 10 })
    for (const seq of upTo(100)) {
      observer.onEvent(logEvent(seq))
      await observer.flush()
    }
    const [gap, ...items] = await take(read(), 11)
    expect(gap).toMatchObject({ type: 'gap', reason: 'trimmed', count: 90 })
    expect(shortly(items)).toEqual(upTo(10, 91))
  })

  it('waits while somebody holds the lock, without holding up the event loop, and goes on', async () => {
    const observer = observe({ maxQueue: 50 })
    observer.onEvent(logEvent(1))
    await observer.flush()
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const pauses: number[] = []
    let last = performance.now()
    const timer = setInterval(() => {
      pauses.push(performance.now() - last)
      last = performance.now()
    }, 1)
    for (const seq of upTo(100, 2)) observer.onEvent(seq === 50 ? startedEvent(seq) : logEvent(seq))
    await waitFor(() => reports.length > 0)
    clearInterval(timer)
    expect(reports[0]).toContain(
      `${path}: database is locked; another process has held the write lock`,
    )
    // The longest of all may be somebody else's who has the processor.
    const long = pauses.toSorted((a, b) => b - a)[Math.floor(pauses.length / 20)]
    expect(long).toBeLessThan(50)
    const { dropped } = observer.counts()
    expect(dropped).toBe(50)
    other.exec('COMMIT')
    other.close()
    await waitFor(() => observer.counts().queued === 0)
    expect(observer.counts()).toMatchObject({ delivered: 51, dropped, failed: 0 })
    const items = await all()
    const missing = items.reduce(
      (sum, item) => sum + (item.type === 'gap' ? (item.count ?? NaN) : 0),
      0,
    )
    expect(missing).toBe(50)
    expect(items.filter(({ type }) => type === 'event')).toHaveLength(51)
  })

  it('begins anew when its file is deleted, says so, and so does a reader', async () => {
    const observer = observe()
    const items = read()
    for (const seq of upTo(5)) {
      observer.onEvent(logEvent(seq))
      await observer.flush()
    }
    for (const seq of upTo(5)) expect((await items.next()).value).toMatchObject({ event: { seq } })
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    const next = items.next()
    observer.onEvent(logEvent(6))
    await observer.flush()
    expect((await next).value).toMatchObject({ event: { seq: 6 }, number: 6 })
    expect(reports).toEqual([expect.stringContaining('has lost events: it was deleted or flushed')])
    await items.return()
  })

  it.each<[string, () => void, RegExp]>([
    ['no database', () => writeFileSync(path, 'x'.repeat(5_000)), /not a SQLite database/],
    [
      'of another program',
      () => {
        const db = new DatabaseSync(path)
        db.exec('CREATE TABLE theirs (id)')
        db.close()
      },
      /is another database .*; an event stream has a file of its own/,
    ],
    [
      'of a newer version',
      () => {
        const db = new DatabaseSync(path)
        db.exec(
          'CREATE TABLE entries (id); PRAGMA application_id = 1349272950; PRAGMA user_version = 9',
        )
        db.close()
      },
      /format version 9.*; upgrade plainsight/,
    ],
    [
      'that is a directory',
      () => rmSync(directory, { recursive: true }),
      /cannot be opened|unable to open/,
    ],
  ])('says what is wrong with a file %s, and a reader too', async (what, spoil, says) => {
    spoil()
    const observer = observe()
    observer.onEvent(logEvent(1))
    await waitFor(() => reports.length > 0)
    expect(reports[0]).toMatch(says)
    if (what === 'that is a directory') {
      const { mkdirSync } = await import('node:fs')
      mkdirSync(directory)
      await waitFor(() => observer.counts().delivered === 1)
      return
    }
    await expect(read().next()).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(says) as string,
    })
  })
})

describe('readSqliteEvents', () => {
  it('goes on after any item, in the middle of an entry too', async () => {
    const observer = observe()
    for (const seq of upTo(120)) observer.onEvent(logEvent(seq))
    await observer.close()
    const items = await take(read(), 120)
    for (const at of [0, 48, 49, 50, 98, 100, 118]) {
      const rest = await take(read({ from: items[at]?.id ?? '' }), 119 - at)
      expect(shortly(rest)).toEqual(upTo(119 - at, at + 2))
    }
  })

  it('waits for a file that is not there yet, and gives what is written from now on', async () => {
    const first = readSqliteEvents(path).next()
    await sleep(30)
    expect(existsSync(path)).toBe(false)
    const observer = observe()
    observer.onEvent(logEvent(1))
    const since = performance.now()
    expect((await first).value).toMatchObject({ event: { seq: 1 } })
    expect(performance.now() - since).toBeLessThan(1_000)
    const next = readSqliteEvents(path).next()
    await sleep(30)
    observer.onEvent(logEvent(2))
    expect((await next).value).toMatchObject({ event: { seq: 2 } })
  })

  it('says when the entry that it should go on after has been trimmed', async () => {
    const observer = observe({ maxLen: 1 })
    observer.onEvent(logEvent(1))
    await observer.flush()
    const [first] = await take(read(), 1)
    for (const seq of upTo(9, 2)) {
      observer.onEvent(logEvent(seq))
      await observer.flush()
    }
    const items = await take(read({ from: first?.id ?? '' }), 2)
    expect(shortly(items)).toEqual(['trimmed ?', 10])
  })

  it('filters, and ends with its signal while it waits', async () => {
    const observer = observe({ minLevel: 'debug' })
    observer.onEvent(logEvent(1, { level: 'debug', taskName: 'billing.charge' }))
    observer.onEvent(logEvent(2, { level: 'error', tags: { plan: 'pro' } }))
    await observer.close()
    const seen: StreamItem[] = []
    const since = performance.now()
    const options = { task: 'billing.*', signal: AbortSignal.timeout(200) }
    for await (const item of read(options)) seen.push(item)
    expect(performance.now() - since).toBeLessThan(1_000)
    expect(shortly(seen)).toEqual([1])
    expect(shortly(await take(read({ tags: { plan: 'pro' } }), 1))).toEqual([2])
  })

  it.each<[string, string, object, string]>([
    ['no path', '', {}, 'path'],
    ['a database in memory', ':memory:', {}, 'path'],
    ['an id of another kind', 'events.db', { from: '1-0:1' }, 'from'],
    ['an unknown option', 'events.db', { stream: 'x' }, 'stream'],
  ])('refuses %s', (_title, file, options, option) => {
    expect(() => readSqliteEvents(file, options)).toThrow(`readSqliteEvents: option "${option}`)
  })
})
