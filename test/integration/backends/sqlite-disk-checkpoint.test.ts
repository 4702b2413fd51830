import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import {
  startCheckpointWorker,
  type CheckpointAnswer,
} from '../../../src/backends/sqlite/checkpoint-worker.ts'
import { openDatabase } from '../../../src/backends/sqlite/database.ts'
import { checkSettings } from '../../../src/backends/sqlite/options.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { endOf, insertOne, newRecord } from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { chosenSeed, seededRandom } from '../../support/random.ts'

const ME: Owner = { executorId: 'me', now: 1_000 }
const MIB = 1_048_576
const INPUT = JSON.stringify('some text of an input '.repeat(30))
const PROGRAM = fileURLToPath(new URL('sqlite-disk-child.ts', import.meta.url))

let directory: string
let path: string
let backend: Backend
let threads: Worker[]

function notice(worker: Worker): void {
  threads.push(worker)
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-checkpoint-'))
  path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  threads = []
  process.on('worker', notice)
})
afterEach(async () => {
  process.off('worker', notice)
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

/** Runs `tasks` tasks, so many at a time: each an insert and an end. Answers the largest log seen. */
async function write(tasks: number, atOnce = 1_000): Promise<number> {
  let largest = 0
  for (let done = 0; done < tasks; done += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        const stored = await insertOne(backend, newRecord(ME, { inputJson: INPUT }))
        await backend.update([endOf(stored)])
      }),
    )
    largest = Math.max(largest, logBytes())
  }
  return largest
}

function logBytes(): number {
  return statSync(`${path}-wal`).size
}

function integrity(): unknown {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare('PRAGMA integrity_check').get()
  } finally {
    db.close()
  }
}

async function succeeded(): Promise<number | undefined> {
  return (await backend.queries?.countByStatus())?.succeeded
}

describe('the checkpoint thread', () => {
  test('is not started by a program that writes little', async () => {
    await backend.open(ME)
    await write(200, 20)
    await backend.close(ME)
    expect(threads).toEqual([])
  })

  test('is not started by sweeps that find nothing, however much they may remove', async () => {
    await backend.open(ME)
    for (let count = 0; count < 5; count++) {
      await backend.sweep({ endedBefore: 0, maxFinished: 1_000, limit: 1_000, now: 1_000 })
    }
    await backend.close(ME)
    expect(threads).toEqual([])
  })

  test('is not started when it is not wanted, and the log stays as short as SQLite keeps it', async () => {
    backend = sqliteBackend(path, { checkpointThread: false })
    await backend.open(ME)
    expect(await write(10_000)).toBeLessThan(16 * MIB)
    expect(threads).toEqual([])
  })

  test('is asked for with true or false, nothing else', () => {
    const options = { checkpointThread: 1 } as unknown as { checkpointThread: boolean }
    expect(() => sqliteBackend(path, options)).toThrow(
      'sqliteBackend: option "checkpointThread" must be true or false',
    )
  })

  test('is one per open database, and gone when close resolves', async () => {
    await backend.open(ME)
    const other: Owner = { executorId: 'other', now: 1_000 }
    await backend.open(other)
    await write(10_000)
    expect(threads).toHaveLength(1)
    let hasEnded = false
    threads[0]?.on('exit', () => (hasEnded = true))
    await backend.close(other)
    expect(hasEnded).toBe(false)
    await backend.close(ME)
    expect(hasEnded).toBe(true)
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })).toBeUndefined()
  })

  test('is gone when close resolves, also when it had only just been asked for', async () => {
    await backend.open(ME)
    let hasEnded = true
    process.once('worker', (worker) => {
      hasEnded = false
      worker.on('exit', () => (hasEnded = true))
    })
    await backend.insert(Array.from({ length: 3_000 }, () => newRecord(ME)))
    await backend.close(ME)
    expect(threads).toHaveLength(1)
    expect(hasEnded).toBe(true)
  })

  test('keeps the log below 64 MiB however fast is written, and loses nothing', async () => {
    await backend.open(ME)
    const largest = await write(60_000, 2_000)
    expect(threads).toHaveLength(1)
    expect(largest).toBeLessThan(64 * MIB)
    // Otherwise the log never had to begin anew, and this has proved nothing.
    expect(statSync(path).size).toBeGreaterThan(40 * MIB)
    expect(await succeeded()).toBe(60_000)
    expect(integrity()).toEqual({ integrity_check: 'ok' })
  })

  test('a long reader makes the log grow and stops no commit; it shrinks when the reader has gone', async () => {
    await backend.open(ME)
    await write(4_000)
    const reader = new DatabaseSync(path, { readOnly: true })
    onTestFinished(() => {
      if (reader.isOpen) reader.close()
    })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM tasks').get()
    let largest = 0
    while (largest < 48 * MIB) largest = Math.max(largest, await write(4_000, 2_000))
    reader.close()
    await waitFor(
      async () => {
        await write(1_000)
        return logBytes() <= 41 * MIB
      },
      { timeout: 20_000, what: 'a shorter log' },
    )
    expect(integrity()).toEqual({ integrity_check: 'ok' })
  })

  test('never makes a commit wait for a lock', async () => {
    const settings = checkSettings(path, {})
    const db = await openDatabase(settings)
    onTestFinished(() => db.close())
    // A commit that met a lock would now be refused at once.
    db.exec('PRAGMA busy_timeout = 0; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)')
    const insert = db.prepare('INSERT INTO t VALUES (randomblob(2000))')
    const worker = await startCheckpointWorker(settings)
    let checkpoints = 0
    let frames = 0
    worker.on('message', (answer: 'ready' | CheckpointAnswer) => {
      if (answer !== 'ready') {
        checkpoints += 1
        frames += answer.checkpointed
      }
      worker.postMessage('checkpoint')
    })
    for (let turns = 0; turns < 400 || checkpoints < 50; turns++) {
      db.exec('BEGIN IMMEDIATE')
      for (let row = 0; row < 20; row++) insert.run()
      db.exec('COMMIT')
      await new Promise(setImmediate)
    }
    expect(frames).toBeGreaterThan(1_000)
    worker.removeAllListeners('message')
    worker.postMessage('end')
    await once(worker, 'exit')
  })

  test('one that dies leaves its work to the commits, and the next open starts another', async () => {
    await backend.open(ME)
    await write(6_000)
    await threads[0]?.terminate()
    expect(await write(20_000)).toBeLessThan(64 * MIB)
    expect(threads).toHaveLength(1)
    expect(await succeeded()).toBe(26_000)
    await backend.close(ME)
    await backend.open(ME)
    await write(6_000)
    expect(threads).toHaveLength(2)
  })

  test('cannot be started where threads are forbidden, and nobody notices', async () => {
    const flags = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*']
    const child = startChild(PROGRAM, ['close', path], { execArgv: flags })
    const { code, stderr } = await child.ended
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: '' })
    await backend.open(ME)
    expect(await succeeded()).toBe(10_000)
  })

  test('does not keep a process alive that never closes', async () => {
    const child = startChild(PROGRAM, ['leave', path])
    const { code, stderr } = await child.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await child.line('threads')).toBe('threads 1')
    await backend.open(ME)
    expect(await succeeded()).toBe(10_000)
  })

  test('preloads nothing of what the process preloads', async () => {
    const preload = 'data:text/javascript,process.stdout.write("preloaded\\n")'
    const child = startChild(PROGRAM, ['close', path], {
      execArgv: ['--import', preload],
    })
    expect(await child.line('threads')).toBe('threads 1')
    await child.ended
    expect(child.lines.filter((line) => line === 'preloaded')).toHaveLength(1)
  })
})

test.each(['process', 'power'] as const)(
  'kill -9 during checkpoints damages nothing and loses no answered write, durability %s',
  async (durability) => {
    const seed = chosenSeed()
    const random = seededRandom(seed)
    let accepted = 0
    for (let round = 0; round < 4; round++) {
      const child = startChild(PROGRAM, ['forever', path, durability])
      await child.line('checkpointing')
      await new Promise((resolve) => {
        setTimeout(resolve, random.below(400))
      })
      child.kill()
      await child.ended
      const counts = child.lines.flatMap((line) => /^stored (\d+)$/.exec(line)?.[1] ?? [])
      accepted += Number(counts.at(-1) ?? 0)
      expect(integrity(), `seed ${seed}, round ${round}`).toEqual({ integrity_check: 'ok' })
      const db = new DatabaseSync(path, { readOnly: true })
      const { count } = db.prepare('SELECT count(*) AS count FROM tasks').get() as { count: number }
      db.close()
      expect(count, `seed ${seed}, round ${round}`).toBeGreaterThanOrEqual(accepted)
    }
    expect(accepted).toBeGreaterThan(1_000)
  },
)
