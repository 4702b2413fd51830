/** Every event is accounted for, and so is every enqueue: random lives, with exact numbers at the end. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryBackend } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { seededRandom } from '../support/random.ts'
import { accountingLife } from './accounting-life.ts'
import { boundsLife } from './bounds-life.ts'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

export const name = 'accounting'

/** They wait for the reports, which come once a second. */
const AT_ONCE = 10

/** `rounds`: lives of each case. */
export function cases({ rounds = 300, seed }: SuiteOptions): readonly Case[] {
  return [
    { name: 'events', run: () => events(rounds, seed) },
    { name: 'enqueues over the bound, memory', run: () => bounds('memory', rounds, seed) },
    { name: 'enqueues over the bound, sqlite', run: () => bounds('sqlite', rounds, seed) },
  ]
}

async function events(rounds: number, seed: number): Promise<CaseReport> {
  const total = { emitted: 0, delivered: 0, dropped: 0, failed: 0, dropReports: 0 }
  const breaches: string[] = []
  let next = seed
  const lanes = Array.from({ length: Math.min(AT_ONCE, rounds) }, async () => {
    while (next < seed + rounds) {
      const own = next++
      const report = await accountingLife(seededRandom(own))
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key]
      breaches.push(...report.breaches.map((text) => `seed ${own}: ${text}`))
    }
  })
  await Promise.all(lanes)
  // Otherwise there was nothing to account for.
  if (total.dropped === 0 || total.failed === 0 || total.dropReports === 0)
    breaches.push('nothing was dropped, or nothing has failed')
  const { emitted, delivered, dropped, failed, dropReports } = total
  return {
    counts: `${rounds} lives, ${emitted} emitted = ${delivered} delivered + ${dropped} dropped + ${failed} failed + ${emitted - delivered - dropped - failed} queued, ${dropReports} reports of drops`,
    breaches,
  }
}

async function bounds(
  backend: 'memory' | 'sqlite',
  rounds: number,
  seed: number,
): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-bounds-'))
  const total = { asked: 0, accepted: 0, refused: 0 }
  const breaches: string[] = []
  try {
    for (let own = seed; own < seed + rounds; own++) {
      const store =
        backend === 'memory' ? memoryBackend() : sqliteBackend(join(directory, `${own}.db`))
      const report = await boundsLife(store, seededRandom(own))
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += report[key]
      breaches.push(...report.breaches.map((text) => `seed ${own}: ${text}`))
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  if (total.refused === 0) breaches.push('nothing was refused')
  const { asked, accepted, refused } = total
  return {
    counts: `${rounds} lives, ${asked} tasks asked for, ${accepted} accepted and run, ${refused} refused`,
    breaches,
  }
}
