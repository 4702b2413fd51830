/** What the operating system is asked to do, by strace: the log is synced before each answer, and a sync that fails counts. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../support/child.ts'
import { missing, POWER_PROGRAM, prefixBreaches, readAll } from './power.ts'

export interface SyncReport {
  readonly answers: number
  readonly syncs: number
  /** Syncs that were made to fail, and failures that the program was told of. */
  readonly injected: number
  readonly reported: number
  readonly breaches: readonly string[]
}

/** Whether there is a strace that may trace. */
export function hasStrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
}

/** `inject`: which syncs fail with EIO, in strace's words, such as `30+5`: the 30th, and every 5th from there. */
export async function syncRun(batches: number, inject?: string): Promise<SyncReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-sync-'))
  const path = join(directory, 'tasks.db')
  const log = join(directory, 'strace.log')
  const under = [
    'strace',
    '-f',
    '-y',
    '-s',
    '32',
    '-o',
    log,
    '-e',
    'trace=fsync,fdatasync,pwrite64,write',
  ]
  if (inject !== undefined) under.push('-e', `inject=fsync,fdatasync:error=EIO:when=${inject}`)
  const child = startChild(POWER_PROGRAM, [path, 'power', String(batches)], { under })
  const { code, signal, stderr } = await child.ended
  const breaches: string[] = []
  if (code !== 0) breaches.push(`the program ended with ${code ?? signal}: ${stderr}`)
  const calls = readFileSync(log, 'utf8').split('\n')
  const injected = calls.filter((line) => line.includes('(INJECTED)')).length
  const said = child.lines.map((line) => line.split(' '))
  const answers = said
    .filter(([mark]) => mark === 'A' || mark === 'D')
    .map(([mark, batch]) => ({ mark: mark as 'A' | 'D', batch: Number(batch) }))
  const reported = said.filter(([mark]) => mark === 'E' || mark === 'F').length
  const unsynced = unsyncedAnswers(calls)
  if (unsynced > 0) breaches.push(`${unsynced} answers came before the log was synced`)
  if (inject !== undefined && (injected === 0 || reported === 0)) {
    breaches.push(`${injected} syncs failed, and ${reported} failures were reported`)
  }
  const records = await readAll(path, 'power')
  if (inject === undefined) breaches.push(...prefixBreaches(records))
  breaches.push(...missing(byBatch(records), answers))
  if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
  const syncs = calls.filter((line) => /\bf(data)?sync\(/.test(line)).length
  return { answers: answers.length, syncs, injected, reported, breaches }
}

/** With holes where a batch was refused. */
function byBatch<Found extends { readonly id: string }>(records: readonly Found[]): Found[] {
  const placed: Found[] = []
  for (const record of records) {
    const [, batch = '0', part = '0'] = record.id.split('-')
    placed[Number(batch) * 3 + Number(part)] = record
  }
  return placed
}

/** Answers with a write to the log before them and no successful sync between. */
function unsyncedAnswers(calls: readonly string[]): number {
  let isDirty = false
  let count = 0
  for (const call of calls) {
    if (/pwrite64\(\d+<[^>]*-wal>/.test(call)) isDirty = true
    if (/\bf(data)?sync\(\d+<[^>]*-wal>/.test(call) && !call.includes('INJECTED')) isDirty = false
    if (isDirty && /write\(1<[^>]*>, "[AD] /.test(call)) count += 1
  }
  return count
}
