/** Tasks per second through a SQLite file that already holds records. */

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createExecutor, defineTask } from '../src/index.ts'
import { sqliteBackend } from '../src/sqlite.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { ratioTarget } from './report.ts'
import { expectEqual, find, rateOf, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion } from './versions.ts'

const TASKS = 10_000
const CONCURRENCY = 100
/** More than this, and the tasks of all rounds together make no difference to the size. */
const LARGE = 500_000
const EMPTY = 'an empty file'
const SIZES = [10_000, 100_000, 1_000_000]
const [, , MILLION] = SIZES.map(nameOf) as [string, string, string]

export const growth: Subject = {
  title: 'SQLite: enqueue and run, in a file that has grown',
  isolated: true,
  rounds: 7,
  warmUps: 1,
  cases: () => [inFileOf(EMPTY, 0), ...SIZES.map((size) => inFileOf(nameOf(size), size))],
  report(series) {
    const empty = find(series, EMPTY)
    return {
      title: this.title,
      unit: 'tasks/s',
      series,
      reference: empty,
      targets: [ratioTarget('growth: million', find(series, MILLION), empty)],
      notes: [
        `${TASKS.toLocaleString('en')} tasks per round, as in the subject before, durability ‘process’, no retention. The records ` +
          'in the file are those of tasks that the same executor has run; each round begins with the same file, except ' +
          'the largest, which becomes a hundredth larger.',
      ],
    }
  },
}

function nameOf(size: number): string {
  return `${size.toLocaleString('en')} records in it`
}

function inFileOf(name: string, records: number): Case {
  let filled: string | undefined
  let sum = 0
  const send = defineTask({
    name: 'send',
    run: async ({ userId }: Mail) => {
      sum += userId
    },
  })

  /** The rate of `tasks`; before them there have to be so many records. */
  async function runIn(path: string, tasks: number, before: number): Promise<number> {
    const executor = createExecutor({
      tasks: [send],
      backend: sqliteBackend(path),
      observers: [],
      concurrency: CONCURRENCY,
      retention: { maxAge: Infinity, maxCount: Infinity },
    })
    await executor.start()
    const stored = (await executor.counts()).succeeded
    sum = 0
    const rate = await rateOf(
      tasks,
      (index) => void executor.enqueue(send, mailTo(index)),
      () => executor.drain(),
    )
    const { succeeded } = await executor.counts()
    await executor.close()
    if (stored < before) throw new Error(`${name}: the file has ${stored} records`)
    expectEqual(`${name}: succeeded`, succeeded - stored, tasks)
    expectEqual(`${name}: sum of inputs`, sum, sumOfMails(tasks))
    return rate
  }

  /** Once for all rounds, in the process of the case. */
  async function fill(): Promise<string> {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
    const path = join(directory, 'filled.db')
    if (records > 0) await runIn(path, records, 0)
    return path
  }

  return {
    name,
    version: ownVersion(),
    async run() {
      filled ??= await fill()
      if (records >= LARGE) return runIn(filled, TASKS, records)
      const path = `${filled}.copy`
      for (const part of ['', '-wal', '-shm']) rmSync(path + part, { force: true })
      if (records > 0) copyFileSync(filled, path)
      return runIn(path, TASKS, records)
    },
  }
}
