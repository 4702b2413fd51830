import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { DatabaseSync } from 'node:sqlite'
import { lockPath, takeLock } from '../../../src/backends/sqlite/owner-lock.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { newRecord } from '../../../src/testing/backend-cases/case.ts'

const ME: Owner = { executorId: 'me', now: 1_000 }
const FAR = 10 ** 15

let directory: string
let path: string
let backend: Backend
let children: ChildProcess[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-owners-'))
  path = join(directory, 'tasks.db')
  backend = sqliteBackend(path)
  await backend.open(ME)
})
afterEach(async () => {
  for (const child of children) await killed(child)
  children = []
  await backend.close(ME)
  rmSync(directory, { recursive: true, force: true })
})

/** A process that holds the lock of `executorId` and owns one record. */
async function ownerProcess(executorId: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'sqlite-owner-child.ts')
  const child = spawn(process.execPath, [script, path, executorId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout ?? child, 'data')
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function lockFiles(): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.lock'))
}

describe('owners of a SQLite database', () => {
  test('a process that was killed is dead at once, and what it had can be adopted', async () => {
    const child = await ownerProcess('worker-1')
    expect(await backend.deadOwners(ME, FAR)).toEqual([])
    await killed(child)
    expect(await backend.deadOwners(ME, 0)).toEqual(['worker-1'])
    const adopted = await backend.adopt(ME, 'worker-1', ['send-mail'], 10)
    expect(adopted.map(({ spec }) => spec.id)).toEqual(['of-worker-1'])
    expect(await backend.deadOwners(ME, FAR)).toEqual([])
    expect(lockFiles()).toHaveLength(1)
  })

  test('a process that is stopped is not dead, however old its beat', async () => {
    const child = await ownerProcess('worker-1')
    child.kill('SIGSTOP')
    expect(await backend.deadOwners(ME, FAR)).toEqual([])
    expect(await backend.adopt(ME, 'worker-1', ['send-mail'], 10)).toEqual([])
    child.kill('SIGCONT')
  })

  test('without its lock file, an owner is judged by its beat', async () => {
    await ownerProcess('worker-1')
    rmSync(lockPath(path, 'worker-1'))
    expect(await backend.deadOwners(ME, -1)).toEqual([])
    expect(await backend.deadOwners(ME, FAR)).toEqual(['worker-1'])
  })

  test('an owner whose records were given away hears it with its next beat', async () => {
    const other = sqliteBackend(path)
    const owner = { executorId: 'other', now: 0 }
    await other.open(owner)
    await other.insert([newRecord(owner, { id: 'theirs' })])
    rmSync(lockPath(path, 'other'))
    expect(await backend.deadOwners(ME, 1)).toEqual(['other'])
    await backend.adopt(ME, 'other', ['send-mail'], 10)
    expect(await other.beat(owner)).toEqual({ type: 'lost' })
    await other.open(owner)
    expect(await other.beat(owner)).toEqual({ type: 'ok', cancels: [] })
    expect(await other.owned(owner)).toEqual([])
    await other.close(owner)
  })

  test('the id of a live executor of another process is refused', async () => {
    await ownerProcess('worker-1')
    const second = sqliteBackend(path)
    await expect(second.open({ executorId: 'worker-1', now: 0 })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      reason: 'cannot_open',
      message: expect.stringContaining('worker-1 is running already'),
    })
  })

  test('an executor that comes back by the id of a killed one finds its records as those of another', async () => {
    const child = await ownerProcess('worker-1')
    await killed(child)
    const again = sqliteBackend(path)
    const owner = { executorId: 'worker-1', now: 2_000 }
    await again.open(owner)
    const [dead = ''] = await again.deadOwners(owner, 0)
    expect(dead).toMatch(/^worker-1~\d+$/)
    const adopted = await again.adopt(owner, dead, ['send-mail'], 10)
    expect(adopted.map(({ spec }) => spec.id)).toEqual(['of-worker-1'])
    await again.close(owner)
  })

  test('ids that differ by case or hold a colon have locks of their own', async () => {
    const other = sqliteBackend(path)
    for (const executorId of ['Me', 'a:b', 'a.b', '..']) await other.open({ executorId, now: 0 })
    expect(lockFiles()).toHaveLength(5)
    expect(await backend.deadOwners(ME, FAR)).toEqual([])
    for (const executorId of ['Me', 'a:b', 'a.b', '..']) await other.close({ executorId, now: 0 })
    expect(lockFiles()).toHaveLength(1)
  })

  test('locks of executors that died while they opened go with the next open; held and registered ones stay', async () => {
    const registered = await ownerProcess('registered')
    await killed(registered)
    const opening = takeLock(DatabaseSync, lockPath(path, 'opening'))
    const stale = lockPath(path, 'never-registered')
    writeFileSync(stale, '')
    writeFileSync(`${path}-notes.lock`, 'of somebody else')
    const second: Owner = { executorId: 'second', now: 0 }
    await backend.open(second)
    const expected = ['me', 'second', 'registered', 'opening'].map((id) => lockPath(path, id))
    const left = lockFiles().map((name) => join(directory, name))
    expect(left.toSorted()).toEqual([...expected, `${path}-notes.lock`].toSorted())
    expect(await backend.deadOwners(ME, -1)).toEqual(['registered'])
    if (typeof opening === 'object') opening.release()
    await backend.close(second)
  })

  test('a lock that is being cleaned up can be taken by the executor that it belongs to', async () => {
    const other = sqliteBackend(path)
    for (let round = 0; round < 20; round++) {
      const executorId = `late-${round}`
      writeFileSync(lockPath(path, executorId), '')
      const cleaner: Owner = { executorId: `cleaner-${round}`, now: 0 }
      const late: Owner = { executorId, now: 0 }
      await Promise.all([backend.open(cleaner), other.open(late)])
      expect(lockFiles()).toHaveLength(3)
      expect(await backend.deadOwners(ME, Infinity)).toEqual([])
      await backend.close(cleaner)
      await other.close(late)
    }
  })

  test('the last close leaves the database and nothing beside it', async () => {
    const other: Owner = { executorId: 'second', now: 0 }
    await backend.open(other)
    await backend.close(other)
    await backend.close(ME)
    expect(readdirSync(directory)).toEqual(['tasks.db'])
  })
})
