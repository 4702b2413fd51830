/** Random bytes in pages of a database that is in use: what an executor says of it, and what opens afterwards. */

import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { BackendUnavailableError, createExecutor, defineTask } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { seededRandom } from '../support/random.ts'
import type { LifeReport } from './store-errors-life.ts'

const PAGE_BYTES = 4_096
const TASKS = 200
/** `unknown`: a damaged index can say that what is new is there already. */
// The damage may take the executor's own registration with it.
const REASONS: ReadonlySet<string> = new Set(['corrupt', 'not_a_database', 'unknown', 'lease_lost'])

/** Nothing can be promised of the tasks in it, but of the process, its words, and the backup. */
export async function liveDamaged(path: string, seed: number): Promise<LifeReport> {
  const random = seededRandom(seed)
  const breaches: string[] = []
  const refused: BackendUnavailableError[] = []
  const quick = defineTask({ name: 'quick', run: (n: number) => n })
  const executor = createExecutor({ tasks: [quick], backend: sqliteBackend(path), observers: [] })
  const accepted: string[] = []

  async function expectOurWords(what: string, call: () => Promise<unknown>): Promise<void> {
    try {
      await call()
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) {
        breaches.push(`${what} rejected with ${String(error)}`)
        return
      }
      refused.push(error)
      const { reason, message } = error
      if (!REASONS.has(reason)) breaches.push(`${what} was refused as ${reason}: ${message}`)
      if (!message.includes(path)) breaches.push(`the message does not name the file: ${message}`)
      if (
        !/restore the file from a backup|choose another path|PRAGMA integrity_check/.test(message)
      ) {
        breaches.push(`the message does not say what to do: ${message}`)
      }
    }
  }

  async function add(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await expectOurWords('enqueue', async () => {
        accepted.push((await executor.enqueue(quick, n)).id)
      })
    }
  }

  await executor.start()
  await add(TASKS)
  await executor.drain()
  const copy = `${path}.copy`
  const other = new DatabaseSync(path)
  other.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  other.close()
  copyBytes(path, copy)
  const pages = statSync(path).size / PAGE_BYTES
  for (let page = random() < 0.2 ? 0 : 1; page < pages; page++) {
    if (random() < 0.5) damage(path, page * PAGE_BYTES + random.below(PAGE_BYTES - 64))
  }
  // Another process has written: what this one has read before does not count any more.
  touch(path)

  await add(5)
  for (const id of accepted.slice(0, 50)) await expectOurWords('get', () => executor.get(id))
  await expectOurWords('list', () => executor.list({ limit: 200 }))
  await expectOurWords('counts', () => executor.counts())
  await executor.close({ grace: 0 })

  const wrong = await reasonToOpen(path)
  if (wrong !== undefined && !REASONS.has(wrong)) breaches.push(`opened again: ${wrong}`)
  copyBytes(copy, path)
  const restored = await reasonToOpen(path)
  if (restored !== undefined) breaches.push(`the backup does not open: ${restored}`)
  const reasons = new Set<string>(refused.map(({ reason }) => reason))
  if (wrong !== undefined) reasons.add(`${wrong} at open`)
  return { accepted: accepted.length, refused: refused.length, reasons: [...reasons], breaches }
}

/** Why the file cannot be opened; `undefined` when it can. */
async function reasonToOpen(path: string): Promise<string | undefined> {
  const executor = createExecutor({ backend: sqliteBackend(path), observers: [], work: false })
  try {
    await executor.start()
    return undefined
  } catch (error) {
    return error instanceof BackendUnavailableError ? error.reason : String(error)
  } finally {
    await executor.close({ grace: 0 })
  }
}

// By other processes: one that closes the file itself would lose SQLite's locks on it.

function damage(path: string, at: number): void {
  dd('if=/dev/urandom', `of=${path}`, 'bs=1', `seek=${at}`, 'count=64', 'conv=notrunc')
}

function copyBytes(from: string, to: string): void {
  dd(`if=${from}`, `of=${to}`, 'bs=64k')
}

function dd(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('dd', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`dd ${args.join(' ')}: ${stderr}`)
}

function touch(path: string): void {
  const db = new DatabaseSync(path)
  try {
    db.exec('UPDATE meta SET value = value')
  } catch {
    // The page may be damaged.
  } finally {
    db.close()
  }
}
