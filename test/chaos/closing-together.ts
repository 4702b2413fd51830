/** Two instances with a backlog that close in the same moment: what they give up is there for the next. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild } from '../support/child.ts'
import { seededRandom } from '../support/random.ts'
import { openJournal, readJournal } from './journal.ts'
import type { KillCounts } from './kill-check.ts'
import { drainAndCheck, KILL_PROGRAM } from './kill.ts'
import type { Go } from './processes-child.ts'
import { steals } from './processes.ts'

const PROGRAM = fileURLToPath(new URL('processes-child.ts', import.meta.url))
const TASKS_EACH = 120
/** The grace is 20 ms: nothing is shielded, so this is far more than may pass. */
const LIMIT_MS = 10_000

export async function closeTogether(
  rounds: number,
  seed: number,
): Promise<{ readonly counts: KillCounts; readonly breaches: readonly string[] }> {
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-closing-'))
  const late: string[] = []
  const journal = openJournal(join(directory, 'journal'))
  for (let round = 0; round < rounds; round++) {
    const tags = [`a.${round}`, `b.${round}`]
    const pair = tags.map((tag) => ({ tag, child: startChild(PROGRAM) }))
    try {
      for (const { tag, child } of pair) {
        await child.line('loaded')
        const go: Go = {
          directory,
          place: join(directory, 'tasks.db'),
          tag,
          seed: random.below(1 << 30),
          factor: 1,
          epochMs: 0,
          judgedBy: 'locks',
          backlog: TASKS_EACH,
          limit: TASKS_EACH,
        }
        child.write(`go ${JSON.stringify(go)}`)
      }
      await Promise.all(pair.map(({ child }) => child.line('accepted')))
      await sleep(random() * 60)
      for (const { tag } of pair) journal.write('K', tag)
      const watchdog = setTimeout(() => {
        late.push(`round ${round}: a close took more than ${LIMIT_MS} ms`)
        for (const { child } of pair) child.kill()
      }, LIMIT_MS)
      for (const { child } of pair) child.write('close')
      const ends = await Promise.all(pair.map(({ child }) => child.ended))
      clearTimeout(watchdog)
      for (const { code, stderr } of late.length > 0 ? [] : ends) {
        if (code !== 0 || stderr !== '') throw new Error(`closing ended with ${code}: ${stderr}`)
      }
    } finally {
      for (const { child } of pair) child.kill()
    }
  }
  journal.close()
  const { counts, breaches } = await drainAndCheck(startChild(KILL_PROGRAM), directory, 'process')
  const found = [...late, ...breaches, ...steals(readJournal(join(directory, 'journal')))]
  if (found.length === 0) rmSync(directory, { recursive: true, force: true })
  return { counts, breaches: found.map((breach) => `${breach} (kept in ${directory})`) }
}
