/** Kills an executor's process, again and again, and looks for what was lost or done twice. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../support/child.ts'
import { seededRandom } from '../support/random.ts'
import { readJournal } from './journal.ts'
import { checkKills, type CheckOptions, type FinalRecord, type KillCounts } from './kill-check.ts'

export interface KillOptions {
  readonly rounds: number
  readonly seed: number
  readonly durability: 'process' | 'power'
}

export interface KillReport {
  readonly rounds: number
  readonly counts: KillCounts
  readonly breaches: readonly string[]
}

/** So many kills hit one file before it is drained and checked, and the next begins empty. */
const ROUNDS_PER_FILE = 50
export const KILL_PROGRAM: string = fileURLToPath(new URL('kill-child.ts', import.meta.url))
const DRAIN_DEADLINE_MS = 90_000

/** Where the kill falls: while the file is opened (or made), while tasks run, while the executor closes. */
const PHASES = ['open', 'run', 'run', 'run', 'run', 'close'] as const

export async function killRounds({ rounds, seed, durability }: KillOptions): Promise<KillReport> {
  const random = seededRandom(seed)
  const total = { accepted: 0, records: 0, runs: 0, reruns: 0, interrupted: 0, crashLoops: 0 }
  const breaches: string[] = []
  // The next one loads while this one runs.
  let next = startChild(KILL_PROGRAM)
  const take = (): Child => {
    const child = next
    next = startChild(KILL_PROGRAM)
    return child
  }
  try {
    for (let done = 0; done < rounds; done += ROUNDS_PER_FILE) {
      const directory = mkdtempSync(join(tmpdir(), 'plainsight-kill-'))
      const here = Math.min(ROUNDS_PER_FILE, rounds - done)
      for (let round = 0; round < here; round++) {
        const phase = round === 0 ? 'open' : random.pick(PHASES)
        await oneLife(
          take(),
          phase,
          `${random.below(1 << 30)} ${directory} ${durability}`,
          random(),
        )
      }
      const found = await drainAndCheck(take(), directory, durability)
      for (const key of Object.keys(total) as (keyof KillCounts)[]) total[key] += found.counts[key]
      const where = `file of rounds ${done} to ${done + here - 1} (kept in ${directory}): `
      breaches.push(...found.breaches.map((breach) => where + breach))
      if (found.breaches.length === 0) rmSync(directory, { recursive: true, force: true })
    }
  } finally {
    next.kill()
    await next.ended
  }
  return { rounds, counts: total, breaches }
}

async function oneLife(
  child: Child,
  phase: (typeof PHASES)[number],
  rest: string,
  luck: number,
): Promise<void> {
  try {
    await child.line('loaded')
    child.write(`go ${phase === 'close' ? 'close' : 'work'} ${rest}`)
    if (phase === 'open') {
      await child.line('opening')
      await sleep(luck * 5)
    } else if (phase === 'run') {
      await child.line('accepted')
      await sleep(luck * 40)
    } else {
      await child.line('closing')
      await sleep(luck * 15)
    }
  } finally {
    child.kill()
    await child.ended
  }
  const { code, signal, stderr } = await child.ended
  // Closing may have been faster than the kill.
  const isExpected = signal === 'SIGKILL' || (phase === 'close' && code === 0)
  if (isExpected && stderr === '') return
  throw new Error(`the child ended by itself (code ${code}, signal ${signal}): ${stderr}`)
}

export interface DrainOptions extends CheckOptions {
  /** The time by which the records were written, when it was not the system's. */
  readonly factor?: number | undefined
  readonly epochMs?: number | undefined
  /** The store, unless it is the file in the directory. */
  readonly place?: string | undefined
}

/** Finishes all that is left in the store, in a process of `KILL_PROGRAM`, and checks what became of it. */
export async function drainAndCheck(
  child: Child,
  directory: string,
  durability: string,
  { factor = 1, epochMs = 0, place, ...options }: DrainOptions = {},
): Promise<ReturnType<typeof checkKills>> {
  await child.line('loaded')
  const file = join(directory, 'tasks.db')
  child.write(`go drain 1 ${directory} ${durability} ${factor} ${epochMs} ${place ?? file}`)
  const deadline = setTimeout(() => child.kill(), DRAIN_DEADLINE_MS)
  try {
    await child.line('drained')
  } finally {
    clearTimeout(deadline)
    child.kill()
    await child.ended
  }
  const lines = readFileSync(join(directory, 'records.jsonl'), 'utf8').split('\n')
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as FinalRecord)
  const { breaches, counts } = checkKills(readJournal(join(directory, 'journal')), records, options)
  if (place === undefined) breaches.push(...damageOf(file))
  return { breaches, counts }
}

/** What SQLite itself says of the file. */
export function damageOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const rows = database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]
    const texts = rows.map((row) => row.integrity_check)
    return texts.length === 1 && texts[0] === 'ok'
      ? []
      : texts.map((text) => `integrity_check: ${text}`)
  } finally {
    database.close()
  }
}
