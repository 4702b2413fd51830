/** A second instance that boots again and again beside one that works: it must not take anything from it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/executor/system-clock.ts'
import { createExecutor } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { startChild } from '../support/child.ts'
import { openJournal, readJournal } from './journal.ts'
import { journaledTasks } from './journaled-tasks.ts'
import { drainAndCheck, KILL_PROGRAM } from './kill.ts'
import type { Go } from './processes-child.ts'
import { steals } from './processes.ts'

export interface BootsReport {
  readonly boots: number
  /** Bodies of the first instance meanwhile. */
  readonly runs: number
  readonly taken: number
  readonly breaches: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('processes-child.ts', import.meta.url))

export async function bootBeside(
  boots: number,
  seed: number,
  judgedBy: 'locks' | 'leases',
): Promise<BootsReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-boots-'))
  const journal = openJournal(join(directory, 'journal'), 'second')
  const first = startChild(PROGRAM)
  let taken = 0
  try {
    await first.line('loaded')
    const go: Go = {
      directory,
      place: join(directory, 'tasks.db'),
      tag: 'first',
      seed,
      factor: 1,
      epochMs: 0,
      judgedBy,
      // All of it in its memory: what overflows has no owner, and is anybody's.
      backlog: 10,
      limit: 1_000_000,
    }
    first.write(`go ${JSON.stringify(go)}`)
    await first.line('accepted')
    const tasks = Object.values(journaledTasks(journal, systemClock))
    const backend = sqliteBackend(join(directory, 'tasks.db'))
    for (let boot = 0; boot < boots; boot++) {
      const second = createExecutor({ tasks, backend, observers: [] })
      for (const type of ['task.requeued', 'task.interrupted', 'attempt.started'] as const) {
        second.events.on(type, () => (taken += 1))
      }
      await second.start()
      await second.close({ grace: 0 })
    }
  } finally {
    journal.write('K', 'first')
    first.kill()
  }
  const { stderr } = await first.ended
  if (stderr !== '') throw new Error(`the first instance said: ${stderr}`)
  journal.close()
  const report = await drainAndCheck(startChild(KILL_PROGRAM), directory, 'process')
  const entries = readJournal(join(directory, 'journal'))
  const refused = entries.filter(({ mark, tag }) => mark === 'L' && tag === 'first')
  const breaches = [
    ...report.breaches,
    ...steals(entries),
    ...refused.map(({ id }) => `an outcome of ${id} was refused, and its owner lived`),
    ...(taken === 0 ? [] : [`the second instance took ${taken} tasks of the first`]),
  ]
  if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
  const runs = entries.filter(({ mark, tag }) => mark === 'R' && tag === 'first').length
  return { boots, runs, taken, breaches }
}
