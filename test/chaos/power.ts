/** Power loss: what of the write-ahead log had not reached the disk is gone, and what was answered before is not. */

import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { randomFillSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createExecutor, type TaskRecord } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { startChild, type Child } from '../support/child.ts'
import { seededRandom, type Random } from '../support/random.ts'
import { damageOf } from './kill.ts'

export interface TornOptions {
  readonly seed: number
  readonly cuts: number
  readonly durability: 'process' | 'power'
}

export interface TornReport {
  readonly cuts: number
  /** Records found after all cuts together, and cuts that took some. */
  readonly records: number
  readonly shortened: number
  /** Answers given before the cut's last byte was written: all of them had to be there. */
  readonly acknowledged: number
  readonly breaches: readonly string[]
}

export const POWER_PROGRAM: string = fileURLToPath(new URL('power-child.ts', import.meta.url))
const CUTS_PER_CHILD = 100
const SNAPSHOTS_PER_CHILD = 5

/** What the child had said, and how long the log was when it said so. */
interface Answer {
  readonly mark: 'A' | 'D'
  readonly batch: number
  readonly bytes: number
}

/** Cuts the log of a database that is being written to, again and again, and opens what is left. */
export async function tornTails({ seed, cuts, durability }: TornOptions): Promise<TornReport> {
  const random = seededRandom(seed)
  const total = { cuts: 0, records: 0, shortened: 0, acknowledged: 0 }
  const breaches: string[] = []
  while (total.cuts < cuts) {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-power-'))
    const snapshots = await photograph(directory, durability, random)
    const here = Math.min(CUTS_PER_CHILD, cuts - total.cuts)
    let isWhole = true
    for (let index = 0; index < here; index++) {
      const snapshot = snapshots[index % snapshots.length] as Snapshot
      const found = await cutAndOpen(snapshot, join(directory, `cut-${index}`), durability, random)
      total.cuts += 1
      total.records += found.records
      total.acknowledged += found.acknowledged
      if (found.isShorter) total.shortened += 1
      if (found.breaches.length > 0) isWhole = false
      breaches.push(...found.breaches)
    }
    if (isWhole) rmSync(directory, { recursive: true, force: true })
  }
  return { ...total, breaches }
}

/** Copies of database and log, made while the child wrote. */
interface Snapshot {
  readonly database: string
  readonly wal: string
  readonly walBytes: number
  readonly answers: readonly Answer[]
}

async function photograph(
  directory: string,
  durability: string,
  random: Random,
): Promise<Snapshot[]> {
  const path = join(directory, 'tasks.db')
  const child = startChild(POWER_PROGRAM, [path, durability])
  const snapshots: Snapshot[] = []
  // An open read keeps checkpoints from moving the log into the database, and from starting the log anew.
  const reader = new DatabaseSync(path)
  try {
    await child.line('ready')
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM sqlite_schema').get()
    for (let index = 0; index < SNAPSHOTS_PER_CHILD; index++) {
      // A commit costs a sync.
      await sleep((durability === 'power' ? 100 : 20) + random() * 100)
      const database = join(directory, `snapshot-${index}.db`)
      copyFileSync(path, database)
      copyFileSync(`${path}-wal`, `${database}-wal`)
      const walBytes = readFileSync(`${database}-wal`).length
      snapshots.push({ database, wal: `${database}-wal`, walBytes, answers: [] })
    }
  } finally {
    child.kill()
    await child.ended
    reader.close()
  }
  // All that was said is known now; which of it the copies hold is a matter of their length.
  const answers = answersOf(child)
  return snapshots.map((snapshot) => ({ ...snapshot, answers }))
}

function answersOf(child: Child): Answer[] {
  return child.lines
    .map((line) => line.split(' '))
    .filter(([mark]) => mark === 'A' || mark === 'D')
    .map(([mark, batch, bytes]) => ({
      mark: mark as 'A' | 'D',
      batch: Number(batch),
      bytes: Number(bytes),
    }))
}

async function cutAndOpen(
  { database, wal, walBytes, answers }: Snapshot,
  directory: string,
  durability: 'process' | 'power',
  random: Random,
): Promise<{ records: number; acknowledged: number; isShorter: boolean; breaches: string[] }> {
  mkdirSync(directory)
  const path = join(directory, 'tasks.db')
  const cutAt = random.below(walBytes + 1)
  copyFileSync(database, path)
  copyFileSync(wal, `${path}-wal`)
  truncateSync(`${path}-wal`, cutAt)
  // A disk may have written something else where the rest should be.
  const hasGarbage = random() < 0.5
  if (hasGarbage) {
    const kept = readFileSync(`${path}-wal`)
    const garbage = randomFillSync(Buffer.alloc(random.below(8_192)))
    writeFileSync(`${path}-wal`, Buffer.concat([kept, garbage]))
  }
  const where = `log of ${walBytes} bytes cut at ${cutAt}${hasGarbage ? ', then garbage' : ''} (${directory}): `
  const needed = answers.filter(({ bytes }) => bytes <= cutAt)
  let records: readonly TaskRecord[] = []
  const breaches: string[] = []
  try {
    records = await readAll(path, durability)
    breaches.push(...prefixBreaches(records))
    if (durability === 'power') breaches.push(...missing(records, needed))
    breaches.push(...damageOf(path))
  } catch (error) {
    breaches.push(String(error))
  }
  if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
  const lastBatch = answers.reduce((last, { batch }) => Math.max(last, batch), 0)
  return {
    records: records.length,
    acknowledged: needed.length,
    isShorter: records.length < 3 * lastBatch,
    breaches: breaches.map((breach) => where + breach),
  }
}

export async function readAll(
  path: string,
  durability: 'process' | 'power',
): Promise<readonly TaskRecord[]> {
  const executor = createExecutor({
    work: false,
    backend: sqliteBackend(path, { durability }),
    observers: [],
  })
  const records: TaskRecord[] = []
  await executor.start()
  try {
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
  } finally {
    await executor.close()
  }
}

/** Batches follow each other: each is whole, and all but the last have ended. */
export function prefixBreaches(records: readonly TaskRecord[]): string[] {
  const found: string[] = []
  for (const [index, { id, status }] of records.entries()) {
    const batch = Math.floor(index / 3)
    if (id !== `b-${batch}-${index % 3}`) return [`record ${index} is ${id}: not a prefix`]
    const isLast = batch === Math.floor((records.length - 1) / 3)
    if (status !== 'succeeded' && !isLast) found.push(`${id} is ${status}, and a later one exists`)
  }
  if (records.length % 3 !== 0) found.push(`${records.length % 3} of the last batch of 3 are there`)
  return found
}

/** What was answered and is not there. */
export function missing(
  records: readonly TaskRecord[],
  answers: readonly Pick<Answer, 'mark' | 'batch'>[],
): string[] {
  const found: string[] = []
  for (const { mark, batch } of answers) {
    for (const record of [0, 1, 2].map((part) => records[batch * 3 + part])) {
      if (record === undefined) found.push(`batch ${batch} was accepted and is lost`)
      else if (mark === 'D' && record.status !== 'succeeded') {
        found.push(`${record.id} had succeeded and is ${record.status}`)
      }
    }
  }
  return found
}
