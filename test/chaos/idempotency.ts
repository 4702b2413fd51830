/** One key, one task: whoever asks, how many at once, from how many processes, and however they die. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createExecutor, defineTask, type Executor, type TaskRecord } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild } from '../support/child.ts'
import { fastClock } from '../support/fast-clock.ts'
import { seededRandom } from '../support/random.ts'
import { openStore } from './open-store.ts'

const PROGRAM = fileURLToPath(new URL('idempotency-child.ts', import.meta.url))

export interface StormReport {
  readonly calls: number
  readonly tasks: number
  /** Calls with another input than the task of their key has. */
  readonly refused: number
  readonly breaches: readonly string[]
}

/**
 * Each of `processes` asks for each of `keys` from `callers` callers at once. `mismatch`: with one of two inputs each.
 * On a file, or on the Redis given.
 */
export async function storm(
  mode: 'storm' | 'mismatch',
  keys: number,
  callers: number,
  processes: number,
  redis?: string,
): Promise<StormReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-keys-'))
  const place = redis ?? join(directory, 'tasks.db')
  const args = [place, mode, String(keys), String(callers)]
  const children = Array.from({ length: processes }, () => startChild(PROGRAM, args))
  const breaches: string[] = []
  const idOf = new Map<string, string>()
  let refused = 0
  try {
    await Promise.all(children.map((child) => child.line('ready')))
    for (const child of children) child.write('go')
    await Promise.all(children.map((child) => child.line('done')))
    for (const line of children.flatMap((child) => child.lines)) {
      const [word, key = '', id = '', count = '0'] = line.split(' ')
      if (word === 'breach') breaches.push(line)
      if (word !== 'K') continue
      refused += Number(count)
      if (id === '-') continue
      const before = idOf.get(key)
      if (before !== undefined && before !== id) breaches.push(`${key} came to ${before} and ${id}`)
      idOf.set(key, id)
    }
  } finally {
    for (const child of children) child.kill()
    await Promise.all(children.map((child) => child.ended))
  }
  const records = await withStore(place, allRecords)
  breaches.push(...oneEach(records, keys))
  const calls = keys * callers * processes
  if (mode === 'mismatch' && refused !== calls / 2) {
    breaches.push(`${refused} of ${calls / 2} calls with another input were refused`)
  }
  rmSync(directory, { recursive: true, force: true })
  return { calls, tasks: records.length, refused, breaches }
}

/** A caller that is killed, and asks again in its next life for what it had no answer to. */
export async function killedCallers(
  kills: number,
  seed: number,
): Promise<{ readonly keys: number; readonly breaches: readonly string[] }> {
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-keys-'))
  const place = join(directory, 'tasks.db')
  const answers = new Map<string, string>()
  const breaches: string[] = []
  for (let life = 0; life < kills; life++) {
    const child = startChild(PROGRAM, [place, 'crawl', String(answers.size)])
    try {
      await child.line('K ')
      await sleep(random() * 25)
    } finally {
      child.kill()
      await child.ended
    }
    for (const line of child.lines) {
      const [word, key = '', id = ''] = line.split(' ')
      if (word === 'K') answers.set(key, id)
    }
  }
  const records = await withStore(place, allRecords)
  for (const { id, idempotencyKey = '' } of records) {
    const answer = answers.get(idempotencyKey)
    if (answer !== undefined && answer !== id)
      breaches.push(`${idempotencyKey} was answered ${answer} and is ${id}`)
  }
  // The last one may be there without an answer.
  breaches.push(...oneEach(records, Math.max(answers.size, records.length)))
  if (records.length - answers.size > 1 || records.length < answers.size) {
    breaches.push(`${answers.size} keys were answered, and there are ${records.length} tasks`)
  }
  rmSync(directory, { recursive: true, force: true })
  return { keys: answers.size, breaches }
}

/** Keys that are free again after a failure: many ask at once, one new task comes of it. */
export async function reuseAfterFailure(
  keys: number,
  callers: number,
): Promise<{ readonly tasks: number; readonly breaches: readonly string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-keys-'))
  const breaches: string[] = []
  let isBroken = true
  const task = defineTask({
    name: 'task',
    run() {
      if (isBroken) throw new Error('it frees its key')
    },
  })
  const open = (): Executor =>
    createExecutor({
      tasks: [task],
      backend: sqliteBackend(join(directory, 'tasks.db')),
      observers: [],
    })
  const executors = [open(), open()]
  try {
    for (let key = 0; key < keys; key++) {
      const options = { idempotencyKey: `key-${key}` }
      isBroken = true
      const first = await (executors[0] as Executor).enqueue(task, undefined, options)
      await first.result().catch(() => {})
      isBroken = false
      const handles = await Promise.all(
        executors.flatMap((executor) =>
          Array.from({ length: callers }, () => executor.enqueue(task, undefined, options)),
        ),
      )
      const ids = new Set(handles.map(({ id }) => id))
      if (ids.size !== 1 || ids.has(first.id))
        breaches.push(`after its failure, key-${key} came to ${ids.size} tasks`)
    }
    const records = await allRecords(executors[0] as Executor)
    if (records.length !== 2 * keys) breaches.push(`${records.length} tasks for ${keys} keys`)
    return { tasks: records.length, breaches }
  } finally {
    for (const executor of executors) await executor.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Time runs so much faster: a minute is 0.6 s. */
const FAST = 100

/** A key is held for its `idempotencyTtl`, even when its record is gone, and free after it. */
export async function reuseAfterTtl(): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-keys-'))
  const breaches: string[] = []
  const task = defineTask({ name: 'task', run() {} })
  const executor = createExecutor({
    tasks: [task],
    backend: sqliteBackend(join(directory, 'tasks.db')),
    observers: [],
    clock: fastClock(FAST, Date.now()),
    retention: { maxCount: 0 },
  })
  const enqueue = (): Promise<{ readonly id: string }> =>
    executor.enqueue(task, undefined, { idempotencyKey: 'key', idempotencyTtl: '5m' })
  try {
    const first = await enqueue()
    await waitFor(async () => (await executor.get(first.id)) === undefined, {
      what: 'the record to be removed',
    })
    const held = await enqueue()
    if (held.id !== first.id) breaches.push('the key was free with its record, before its ttl')
    const next = await waitFor(
      async () => {
        const { id } = await enqueue()
        return id === first.id ? undefined : id
      },
      { timeout: '10s', interval: 50, what: 'the key to be free' },
    )
    const again = await enqueue()
    if (again.id !== next) breaches.push('the key came to two tasks after its ttl')
  } catch (error) {
    breaches.push(String(error))
  } finally {
    await executor.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return breaches
}

async function withStore<T>(place: string, work: (web: Executor) => Promise<T>): Promise<T> {
  const web = createExecutor({
    work: false,
    backend: await openStore(place),
    observers: [],
  })
  await web.start()
  try {
    return await work(web)
  } finally {
    await web.close()
  }
}

async function allRecords(executor: Executor): Promise<TaskRecord[]> {
  const records: TaskRecord[] = []
  for (let cursor: string | undefined; ;) {
    const page = await executor.list({
      limit: 200,
      order: 'oldest',
      ...(cursor === undefined ? {} : { cursor }),
    })
    records.push(...page.records)
    cursor = page.cursor
    if (cursor === undefined) return records
  }
}

function oneEach(records: readonly TaskRecord[], keys: number): string[] {
  const counts = new Map<string, number>()
  for (const { idempotencyKey = '' } of records) {
    counts.set(idempotencyKey, (counts.get(idempotencyKey) ?? 0) + 1)
  }
  const found = [...counts]
    .filter(([, count]) => count > 1)
    .map(([key, count]) => `${key}: ${count} tasks`)
  if (counts.size !== keys) found.push(`${counts.size} of ${keys} keys have a task`)
  return found
}
