/** Tasks per second through a SQLite file, beside plainjob. */

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'
import { createExecutor, defineTask, taskLog, type Executor } from '../src/index.ts'
import { sqliteBackend, type SqliteBackendOptions } from '../src/sqlite.ts'
import { inDirectory } from './directory.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { ratioTarget } from './report.ts'
import { expectEqual, find, rateOf, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

type Durability = NonNullable<SqliteBackendOptions['durability']>

const TASKS = 10_000
/** With an fsync for each step of each job it takes its time. */
const FSYNCED_JOBS = 1_000
const CONCURRENCY = 100
/** Of a task that succeeds: enqueued, started, succeeded. */
const LIFECYCLE_EVENTS = 3

const OURS = "plainsight 'process'"
const OURS_REQUEUED = "plainsight 'process', requeueOnInterrupt"
const OURS_LOGGING = "plainsight 'process', five log lines"
const RIVAL = 'plainjob'

export const sqlite: Subject = {
  title: 'SQLite: enqueue and run',
  isolated: true,
  rounds: 9,
  warmUps: 2,
  check: { rounds: 5, warmUps: 2, cases: [OURS, OURS_REQUEUED, OURS_LOGGING, RIVAL] },
  cases: () => [
    plainsight(OURS, { durability: 'process' }),
    plainsight(OURS_REQUEUED, { durability: 'process', requeueOnInterrupt: true }),
    plainsight(OURS_LOGGING, { durability: 'process', lines: 5 }),
    plainjob(RIVAL, 'NORMAL', TASKS),
    plainsight("plainsight 'power'", { durability: 'power' }),
    plainsight("plainsight 'power', requeueOnInterrupt", {
      durability: 'power',
      requeueOnInterrupt: true,
    }),
    plainsight("plainsight 'power', five log lines", { durability: 'power', lines: 5 }),
    plainjob('plainjob, synchronous = FULL', 'FULL', FSYNCED_JOBS),
  ],
  report(series) {
    const rival = find(series, RIVAL)
    return {
      title: this.title,
      unit: 'tasks/s',
      series,
      reference: rival,
      targets: [
        ratioTarget('sqlite: plainjob', find(series, OURS), rival),
        ratioTarget('sqlite: plainjob, requeue', find(series, OURS_REQUEUED), rival),
        ratioTarget('sqlite: five log lines', find(series, OURS_LOGGING), find(series, OURS)),
      ],
      notes: [
        `${TASKS.toLocaleString('en')} tasks per round (${FSYNCED_JOBS.toLocaleString('en')} for plainjob with FULL), a new file in ${tmpdir()} for each round, ` +
          'enqueued one by one, 100 per turn of the event loop, with an observer that counts the events. plainjob runs on ' +
          `better-sqlite3 ${versionOf('better-sqlite3')} (SQLite ${theirSqlite()}, the binary in its package), ours on node:sqlite ` +
          `(SQLite ${process.versions.sqlite}). plainjob has one worker without concurrency, which keeps the event loop to itself ` +
          'while it has jobs; it starts when all are enqueued.',
        'Ours are committed in groups, a turn of the event loop at a time; plainjob commits three times per job. What was ' +
          "answered survives `kill -9` in both; with 'power' and FULL a power cut too.",
      ],
    }
  },
}

function theirSqlite(): string {
  const database = new Database(':memory:')
  const version = database.prepare('SELECT sqlite_version()').pluck().get()
  database.close()
  return String(version)
}

interface Way {
  readonly durability: Durability
  readonly requeueOnInterrupt?: boolean
  /** Log lines of each task. */
  readonly lines?: number
}

function plainsight(
  name: string,
  { durability, requeueOnInterrupt = false, lines = 0 }: Way,
): Case {
  let sum = 0
  const send = defineTask({
    name: 'send',
    requeueOnInterrupt,
    run: async ({ userId }: Mail) => {
      for (let line = 0; line < lines; line++) taskLog('Sending', { userId })
      sum += userId
    },
  })
  return {
    name,
    version: ownVersion(),
    run: () =>
      inDirectory(async (directory) => {
        let received = 0
        const executor = createExecutor({
          tasks: [send],
          backend: sqliteBackend(join(directory, 'tasks.db'), { durability }),
          observers: [
            { minLevel: 'info', types: ['task.enqueued'], onEvent: () => (received += 1) },
          ],
          concurrency: CONCURRENCY,
        })
        await executor.start()
        sum = 0
        received = 0
        const rate = await rateOf(
          TASKS,
          (index) => void executor.enqueue(send, mailTo(index)),
          () => executor.drain(),
        )
        const { succeeded } = await executor.counts()
        const events = received
        expectEqual(`${name}: stored lines`, await storedLines(executor), lines * TASKS)
        await executor.close()
        expectEqual(`${name}: succeeded`, succeeded, TASKS)
        expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
        expectEqual(`${name}: events`, events, (LIFECYCLE_EVENTS + lines) * TASKS)
        return rate
      }),
  }
}

/** How many lines are in the file now: what is written after the clock has stopped would cost nothing. */
async function storedLines(executor: Executor): Promise<number> {
  let lines = 0
  let cursor: string | undefined
  do {
    const page = await executor.list({ limit: 200, logs: true, cursor })
    for (const { logLines } of page.records) lines += logLines.length
    cursor = page.cursor
  } while (cursor !== undefined)
  return lines
}

function plainjob(name: string, synchronous: 'NORMAL' | 'FULL', jobs: number): Case {
  const nothing = (): void => {}
  const logger = { error: console.error, warn: console.error, info: nothing, debug: nothing }
  return {
    name,
    version: versionOf('plainjob'),
    run: () =>
      inDirectory(async (directory) => {
        const connection = better(new Database(join(directory, 'jobs.db')))
        const queue = defineQueue({ connection, logger })
        connection.pragma(`synchronous = ${synchronous}`)
        let sum = 0
        let completed = 0
        const send = async ({ data }: { readonly data: string }): Promise<void> => {
          sum += (JSON.parse(data) as Mail).userId
        }
        const worker = defineWorker('send', send, {
          queue,
          logger,
          onCompleted() {
            completed += 1
            if (completed === jobs) void worker.stop()
          },
        })
        const rate = await rateOf(
          jobs,
          (index) => queue.add('send', mailTo(index)),
          () => worker.start(),
        )
        const done = queue.countJobs({ status: JobStatus.Done })
        queue.close()
        expectEqual(`${name}: done`, done, jobs)
        expectEqual(`${name}: sum of inputs`, sum, sumOfMails(jobs))
        return rate
      }),
  }
}
