/** A process whose event loop is blocked for longer than its lease: another takes over, and its late outcomes are refused. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createExecutor } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild } from '../support/child.ts'

export interface BlockedReport {
  readonly tasks: number
  readonly adopted: number
  /** Outcomes of the blocked process that were refused, and bodies there whose signal aborted for the lost lease. */
  readonly refused: number
  readonly aborted: number
  readonly breaches: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('blocked-child.ts', import.meta.url))
/** A lease of 15 s is 0.75 s long. */
const FAST = 20
const LIMIT_MS = 20_000

export async function blockedRun(
  tasks: number,
  judgedBy: 'locks' | 'leases',
): Promise<BlockedReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-blocked-'))
  const rest = [directory, String(FAST), String(Date.now()), judgedBy, String(tasks)]
  const other = startChild(PROGRAM, ['other', ...rest])
  await other.line('ready')
  const victim = startChild(PROGRAM, ['victim', ...rest])
  const breaches: string[] = []
  try {
    await victim.line('awake')
    const winner = judgedBy === 'leases' ? other : victim
    const of = (child: typeof other, word: string): string[] =>
      child.lines.filter((line) => line.startsWith(`${word} `))
    const expected = judgedBy === 'leases' ? tasks : 0
    await waitFor(
      () =>
        of(winner, 'ended').length === tasks &&
        of(victim, 'refused').length >= expected &&
        of(victim, 'aborted').length >= Math.floor(expected / 2),
      { timeout: LIMIT_MS, interval: 20, what: 'every outcome to be written or refused' },
    ).catch((error: unknown) => breaches.push(String(error)))
    // Time for what must not come.
    await sleep(200)
    const refused = of(victim, 'refused').length
    const aborted = of(victim, 'aborted').filter((line) => line.endsWith(' lease_lost')).length
    const adopted = of(other, 'ran').length
    if (refused !== expected) breaches.push(`${refused} of ${expected} outcomes were refused`)
    if (aborted !== Math.floor(expected / 2)) {
      breaches.push(`${aborted} of ${Math.floor(expected / 2)} bodies heard of the lost lease`)
    }
    if (adopted !== expected) breaches.push(`the other process ran ${adopted} of ${expected} tasks`)
    const late = of(judgedBy === 'leases' ? victim : other, 'ended').length
    if (late > 0) breaches.push(`${late} tasks ended in the wrong process`)
    breaches.push(...(await wrongResults(directory, judgedBy === 'leases' ? 'other' : 'victim')))
    return { tasks, adopted, refused, aborted, breaches }
  } finally {
    victim.kill()
    other.kill()
    await Promise.all([victim.ended, other.ended])
    rmSync(directory, { recursive: true, force: true })
  }
}

async function wrongResults(directory: string, expected: string): Promise<string[]> {
  const web = createExecutor({
    work: false,
    backend: sqliteBackend(join(directory, 'tasks.db')),
    observers: [],
  })
  await web.start()
  try {
    const { records } = await web.list({ limit: 200 })
    return records
      .filter(({ status, result }) => status !== 'succeeded' || result !== expected)
      .map(({ id, status, result }) => `${id} is ${status} with the result ${String(result)}`)
  } finally {
    await web.close()
  }
}
