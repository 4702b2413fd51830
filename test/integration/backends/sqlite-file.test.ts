import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Owner } from '../../../src/backends/backend.ts'
import { openDatabase } from '../../../src/backends/sqlite/database.ts'
import { checkSettings } from '../../../src/backends/sqlite/options.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { endOf, insertOne, newRecord } from '../../../src/testing/backend-cases/case.ts'

const ME: Owner = { executorId: 'me', now: 1_000 }

let directory: string
let path: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-file-'))
  path = join(directory, 'tasks.db')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function refusalOf(file: string): Promise<{ reason: string; message: string }> {
  const backend = sqliteBackend(file)
  const refusal: unknown = await Promise.resolve(backend.open(ME)).then(
    () => backend.close(ME),
    (error: unknown) => error,
  )
  const facts = { name: 'BackendUnavailableError', backend: 'sqlite', operation: 'open' }
  expect(refusal).toMatchObject(facts)
  return refusal as { reason: string; message: string }
}

describe('files that are no database of ours', () => {
  test('a missing directory is named, with what to do', async () => {
    const { reason, message } = await refusalOf(join(directory, 'nowhere', 'tasks.db'))
    expect(reason).toBe('cannot_open')
    expect(message).toContain(
      `the directory ${join(directory, 'nowhere')} does not exist; create it first`,
    )
  })

  test('a directory is not a database', async () => {
    mkdirSync(path)
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('cannot_open')
    expect(message).toContain(`${path} cannot be opened: it is a directory`)
  })

  test('a file in the place of the directory is named', async () => {
    writeFileSync(path, '')
    const { reason, message } = await refusalOf(join(path, 'tasks.db'))
    expect(reason).toBe('cannot_open')
    expect(message).toContain(`${path} is not a directory`)
  })

  test('a place where no file can be made cannot be opened', async () => {
    expect((await refusalOf('/proc/plainsight.db')).reason).toBe('cannot_open')
  })

  test('a file of something else is not a database, and stays as it was', async () => {
    writeFileSync(path, 'hello, this is a text and not a database\n'.repeat(100))
    const before = readFileSync(path)
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('not_a_database')
    expect(message).toContain('choose another path')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('the database of another program is refused, and stays as it was', async () => {
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY)')
    db.close()
    const before = readFileSync(path)
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('foreign_database')
    expect(message).toContain(path)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('an application_id of another program is refused, tables or not', async () => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA application_id = 42')
    db.close()
    expect((await refusalOf(path)).reason).toBe('foreign_database')
  })

  test('a newer schema is refused with both versions', async () => {
    await madeDatabase()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('newer_schema')
    expect(message).toMatch(/schema version 99.*knows 2; upgrade plainsight/)
  })

  test('a damaged database is refused with a hint to the backup, unless the check is turned off', async () => {
    await madeDatabase()
    damage(path)
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('corrupt')
    expect(message).toContain('restore the file from a backup')
    const unchecked = sqliteBackend(path, { quickCheck: false })
    await unchecked.open(ME)
    await unchecked.close(ME)
  })

  test('an empty file becomes a database', async () => {
    writeFileSync(path, '')
    await madeDatabase()
    expect(statSync(path).size).toBeGreaterThan(4096)
  })

  test('a failed open leaves nothing behind, and can be repeated once the reason is gone', async () => {
    const backend = sqliteBackend(join(directory, 'later', 'tasks.db'))
    await expect(backend.open(ME)).rejects.toMatchObject({ reason: 'cannot_open' })
    mkdirSync(join(directory, 'later'))
    await backend.open(ME)
    await insertOne(backend, newRecord(ME))
    await backend.close(ME)
  })
})

describe('a file that is damaged in one place', () => {
  function damage(sql: string): void {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }

  test('a cancel that cannot be read is a cancel, and no executor dies of it', async () => {
    const backend = sqliteBackend(path)
    await backend.open(ME)
    const { spec } = await insertOne(backend, newRecord(ME))
    await backend.requestCancel(ME, spec.id, { by: 'ada' })
    damage(`UPDATE tasks SET cancel = '{"by'`)
    expect(await backend.beat(ME)).toEqual({ type: 'ok', cancels: [{ id: spec.id }] })
    await backend.close(ME)
  })

  test.each(['null', '{"plan":1}', '{'])(
    'tags such as %s stand in nobody’s way who looks for a text',
    async (tags) => {
      const backend = sqliteBackend(path)
      await backend.open(ME)
      const [damaged, whole] = [newRecord(ME), newRecord(ME)]
      for (const record of [damaged, whole]) await insertOne(backend, record)
      damage(`UPDATE tasks SET tags = '${tags}' WHERE id = '${damaged.spec.id}'`)
      const found = await backend.queries?.list({ text: 'send', limit: 5, order: 'oldest' })
      expect(found?.records.map(({ spec }) => spec.id)).toEqual([damaged.spec.id, whole.spec.id])
      await backend.close(ME)
    },
  )

  test('log lines that cannot be read are left out, and the others are there', async () => {
    const backend = sqliteBackend(path)
    await backend.open(ME)
    const { spec, state, position } = await insertOne(backend, newRecord(ME))
    const patch = { id: spec.id, position, owner: ME.executorId, fence: state.fence, dropped: 0 }
    const line = { time: 1, level: 'info', attempt: 0, message: 'm' } as const
    await backend.append([{ ...patch, chunk: 0, lines: [line] }])
    await backend.append([{ ...patch, chunk: 1, lines: [line] }])
    damage(`UPDATE logs SET lines = '[{' WHERE chunk = 0`)
    expect(await backend.logs(spec.id)).toEqual({ lines: [line], dropped: 0 })
    await backend.close(ME)
  })

  test('without one of its indexes it is refused, and no file is left open', async () => {
    const backend = sqliteBackend(path)
    await backend.open(ME)
    await backend.close(ME)
    damage('DROP INDEX tasks_later')
    const { reason, message } = await refusalOf(path)
    expect(reason).toBe('unknown')
    expect(message).toContain('no such index: tasks_later')
    // The last to close it removes them.
    expect(existsSync(`${path}-wal`)).toBe(false)
  })
})

describe('options of sqliteBackend', () => {
  test.each([
    [undefined, {}],
    ['', {}],
    ['a\0b', {}],
    [':memory:', {}],
    ['file:tasks.db?mode=memory', {}],
    ['tasks.db', { durability: 'paper' }],
    ['tasks.db', { quickCheck: 1 }],
    ['tasks.db', { wal: true }],
    ['tasks.db', null],
  ])('%j with %j is refused', (file, options) => {
    expect(() => sqliteBackend(file as string, options as object)).toThrow(/^sqliteBackend: option/)
  })

  test.each([
    ['process', 1],
    ['power', 2],
  ] as const)('durability %s sets synchronous to %i', async (durability, level) => {
    const db = await openDatabase(checkSettings(path, { durability }))
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: level })
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    db.close()
    expect(sqliteBackend(path, { durability }).capabilities.durable).toBe(durability)
  })
})

/** Makes a database with some hundred records. */
async function madeDatabase(): Promise<void> {
  const backend = sqliteBackend(path)
  await backend.open(ME)
  for (let index = 0; index < 300; index++) {
    const stored = await insertOne(
      backend,
      newRecord(ME, { inputJson: '"some text to fill pages"' }),
    )
    await backend.update([endOf(stored)])
  }
  await backend.close(ME)
  const db = new DatabaseSync(path)
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  db.close()
}

/** Overwrites the middle of several pages. */
function damage(file: string): void {
  const handle = openSync(file, 'r+')
  const noise = Buffer.alloc(2_048, 0xa5)
  for (let page = 20; page < statSync(file).size / 4_096; page += 1) {
    writeSync(handle, noise, 0, noise.length, page * 4_096)
  }
  closeSync(handle)
}
