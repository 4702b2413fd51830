/** How long what a killed process was running waits until another process runs it again. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild } from '../support/child.ts'
import { seededRandom } from '../support/random.ts'

export interface RecoveryOptions {
  readonly seed: number
  readonly rounds: number
  readonly judgedBy: 'locks' | 'leases'
  /** At once, each on a store of its own. */
  readonly parallel: number
  /** URL of a Redis, instead of files. */
  readonly redis?: string | undefined
}

/** The worst of each round, in milliseconds. */
export async function recoveryTimes({
  seed,
  rounds,
  judgedBy,
  parallel,
  redis,
}: RecoveryOptions): Promise<number[]> {
  const random = seededRandom(seed)
  const times: number[] = []
  for (let done = 0; done < rounds; done += parallel) {
    const now = Array.from({ length: Math.min(parallel, rounds - done) }, (_, lane) =>
      oneRecovery(judgedBy, random(), redis && `${redis}#round-${done + lane}`),
    )
    times.push(...(await Promise.all(now)))
  }
  return times
}

const PROGRAM = fileURLToPath(new URL('nap-child.ts', import.meta.url))
const TASKS = 5
/** The kill falls anywhere between two beats, or two sweeps. */
const PHASE_MS = { locks: 2_000, leases: 5_000 }
const LIMIT_MS = 60_000

async function oneRecovery(
  judgedBy: 'locks' | 'leases',
  luck: number,
  given: string | undefined,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-recovery-'))
  const place = given ?? join(directory, 'tasks.db')
  const other = startChild(PROGRAM, [place, '0', judgedBy])
  const victim = startChild(PROGRAM, [place, String(TASKS), judgedBy])
  try {
    await Promise.all([other.line('ready'), victim.line('ready')])
    const ran = (): number[] =>
      other.lines
        .filter((line) => line.startsWith('ran '))
        .map((line) => Number(line.split(' ')[2]))
    await waitFor(() => victim.lines.filter((line) => line.startsWith('ran ')).length === TASKS)
    await sleep(luck * PHASE_MS[judgedBy])
    if (ran().length > 0) throw new Error('the other process ran tasks of one that lived')
    const killedAt = Date.now()
    victim.kill()
    await waitFor(() => ran().length === TASKS, {
      timeout: LIMIT_MS,
      interval: 20,
      what: 'all tasks of the killed process to run again',
    })
    return Math.max(...ran()) - killedAt
  } finally {
    victim.kill()
    other.kill()
    await Promise.all([victim.ended, other.ended])
    rmSync(directory, { recursive: true, force: true })
  }
}
