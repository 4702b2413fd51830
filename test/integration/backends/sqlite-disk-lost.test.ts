import { once } from 'node:events'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { startCheckpointWorker } from '../../../src/backends/sqlite/checkpoint-worker.ts'
import { checkSettings } from '../../../src/backends/sqlite/options.ts'
import { BackendUnavailableError, createExecutor, defineTask } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { endOf, insertOne, newRecord } from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'

const ME: Owner = { executorId: 'me', now: 1_000 }

let directory: string
let path: string
let backend: Backend

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-lost-'))
  path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  await backend.open(ME)
})
afterEach(async () => {
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

async function refusal(call: () => unknown): Promise<BackendUnavailableError> {
  try {
    await call()
  } catch (error) {
    if (error instanceof BackendUnavailableError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('a database file that is taken away while it is open', () => {
  test('deleted: the very next write is refused, and the message says what happened, where, and what to do', async () => {
    await insertOne(backend, newRecord(ME))
    unlinkSync(path)
    const { reason, operation, message } = await refusal(() => backend.insert([newRecord(ME)]))
    expect({ reason, operation }).toEqual({ reason: 'file_lost', operation: 'insert' })
    expect(message).toContain(`${path} was deleted or moved away while it was open`)
    expect(message).toContain('Move that very file back')
    expect((await refusal(() => backend.get('any'))).reason).toBe('file_lost')
    expect((await refusal(() => backend.beat(ME))).reason).toBe('file_lost')
  })

  test('nothing is answered that was committed after the deletion', async () => {
    const ids: string[] = []
    const writing = (async () => {
      for (;;) {
        const before = statSync(path, { throwIfNoEntry: false }) !== undefined
        const { spec } = await insertOne(backend, newRecord(ME))
        expect(before).toBe(true)
        ids.push(spec.id)
      }
    })()
    await sleep(30)
    unlinkSync(path)
    await expect(writing).rejects.toMatchObject({ reason: 'file_lost' })
    expect(ids.length).toBeGreaterThan(5)
  })

  test('moved away and back: all is well again, and what was refused can be repeated', async () => {
    const stored = await insertOne(backend, newRecord(ME))
    const away = join(directory, 'away.db')
    renameSync(path, away)
    const record = newRecord(ME)
    const end = endOf(stored)
    expect((await refusal(() => backend.insert([record]))).reason).toBe('file_lost')
    expect((await refusal(() => backend.update([end]))).reason).toBe('file_lost')
    renameSync(away, path)
    await insertOne(backend, record)
    expect(await backend.update([end])).toEqual(['ok'])
    await backend.close(ME)
    await backend.open(ME)
    expect((await backend.get(record.spec.id))?.spec.id).toBe(record.spec.id)
    expect((await backend.get(stored.spec.id))?.state.status).toBe('succeeded')
  })

  test('replaced by another database: it is refused, and the other one is left alone', async () => {
    await insertOne(backend, newRecord(ME))
    const other = join(directory, 'other.db')
    const db = new DatabaseSync(other)
    db.exec('CREATE TABLE users (x); INSERT INTO users VALUES (1)')
    db.close()
    const bytes = readFileSync(other)
    renameSync(other, path)
    const { reason, message } = await refusal(() => backend.insert([newRecord(ME)]))
    expect(reason).toBe('file_lost')
    expect(message).toContain(`${path} was replaced by another file`)
    await backend.close(ME)
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  test('replaced by a copy of itself: it is not the same file', async () => {
    await insertOne(backend, newRecord(ME))
    copyFileSync(path, `${path}.copy`)
    renameSync(`${path}.copy`, path)
    expect((await refusal(() => backend.insert([newRecord(ME)]))).reason).toBe('file_lost')
  })

  test('the whole directory deleted: refused, and closing works', async () => {
    await insertOne(backend, newRecord(ME))
    rmSync(directory, { recursive: true })
    expect((await refusal(() => backend.insert([newRecord(ME)]))).reason).toBe('file_lost')
    await backend.close(ME)
    mkdirSync(directory)
    await backend.open(ME)
    await insertOne(backend, newRecord(ME))
  })

  test('its log deleted: noticed within a second, and closing saves what the log held', async () => {
    const stored = await insertOne(backend, newRecord(ME))
    unlinkSync(`${path}-wal`)
    const accepted: string[] = [stored.spec.id]
    const error = await waitFor(
      async () => {
        try {
          accepted.push((await insertOne(backend, newRecord(ME))).spec.id)
          return undefined
        } catch (refused) {
          return refused as BackendUnavailableError
        }
      },
      { what: 'a refusal', timeout: 2_000 },
    )
    expect(error.reason).toBe('file_lost')
    expect(error.message).toContain(`${path}-wal, a part of the database, was deleted`)
    await backend.close(ME)
    await backend.open(ME)
    for (const id of accepted) expect((await backend.get(id))?.spec.id).toBe(id)
  })

  test('a checkpoint thread that starts just then makes no new file', async () => {
    unlinkSync(path)
    const worker = await startCheckpointWorker(checkSettings(path, {}))
    const [error] = (await once(worker, 'error')) as [Error]
    expect(error.message).toContain('unable to open database file')
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })
})

test('a file that never comes back: what runs finishes, enqueue is refused, and close still resolves', async () => {
  const file = join(directory, 'gone.db')
  const told: string[] = []
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  let hasFinished = false
  const slow = defineTask({
    name: 'slow',
    async run() {
      await opened
      hasFinished = true
    },
  })
  const executor = createExecutor({ tasks: [slow], backend: sqliteBackend(file), observers: [] })
  executor.events.on('backend.error', ({ code }) => told.push(code))
  const handle = await executor.enqueue(slow)
  await waitFor(async () => (await handle.record())?.status === 'running', { what: 'it to run' })
  unlinkSync(file)
  await expect(executor.enqueue(slow)).rejects.toMatchObject({ reason: 'file_lost' })
  open()
  await waitFor(() => hasFinished, { what: 'its end' })
  const startedAt = performance.now()
  await executor.close({ grace: '1s' })
  expect(performance.now() - startedAt).toBeLessThan(33_000)
  expect(told).toContain('file_lost')
  expect(statSync(file, { throwIfNoEntry: false })).toBeUndefined()
})
