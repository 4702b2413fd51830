/** Tasks per second through a SQLite file, beside plainjob. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, JobStatus } from 'plainjob'
import { createExecutor, defineTask } from '../src/index.ts'
import { sqliteBackend, type SqliteBackendOptions } from '../src/sqlite.ts'
import type { Report } from './report.ts'
import { expectEqual, find, interleave, rateOf, ratiosTo, type Case } from './rounds.ts'
import { ownVersion, versionOf } from './versions.ts'

type Durability = NonNullable<SqliteBackendOptions['durability']>

interface Mail {
  readonly userId: number
  readonly to: string
}

const TASKS = 10_000
/** With an fsync for each step of each job it takes its time. */
const FSYNCED_JOBS = 1_000
const CONCURRENCY = 100

export async function sqlite(): Promise<Report> {
  const series = await interleave(
    [
      plainsight("plainsight 'process'", 'process', false),
      plainsight("plainsight 'process', requeueOnInterrupt", 'process', true),
      plainjob('plainjob', 'NORMAL', TASKS),
      plainsight("plainsight 'power'", 'power', false),
      plainsight("plainsight 'power', requeueOnInterrupt", 'power', true),
      plainjob('plainjob, synchronous = FULL', 'FULL', FSYNCED_JOBS),
    ],
    { rounds: 9, warmUps: 1 },
  )
  const rival = find(series, 'plainjob')
  const target = { bound: 'at least', unit: '×' } as const
  const database = new Database(':memory:')
  const theirSqlite = database.prepare('SELECT sqlite_version()').pluck().get()
  database.close()
  return {
    title: 'SQLite: enqueue and run',
    unit: 'tasks/s',
    series,
    reference: rival,
    targets: [
      {
        ...target,
        what: "SQLite 'process', tasks/s beside plainjob",
        limit: 7,
        values: ratiosTo(find(series, "plainsight 'process'"), rival),
      },
      {
        ...target,
        what: "SQLite 'process' with requeueOnInterrupt beside plainjob",
        limit: 10,
        values: ratiosTo(find(series, "plainsight 'process', requeueOnInterrupt"), rival),
      },
    ],
    notes: [
      `${TASKS.toLocaleString('en')} tasks per round (${FSYNCED_JOBS.toLocaleString('en')} for plainjob with FULL), a new file in ${tmpdir()} for each round, ` +
        `100 enqueued one by one per turn of the event loop, and an observer that counts. plainjob runs on better-sqlite3 ` +
        `${versionOf('better-sqlite3')} (SQLite ${String(theirSqlite)}, its own prebuilt binary), ours on node:sqlite (SQLite ${process.versions.sqlite}). ` +
        'plainjob has one worker without concurrency, which holds the event loop while it has jobs; it starts when all are enqueued.',
      'Ours are committed in groups, a turn of the event loop at a time; plainjob commits three times per job. Both lose nothing ' +
        "that was answered to `kill -9`; 'power' and FULL not to a power cut either.",
    ],
  }
}

function plainsight(name: string, durability: Durability, requeueOnInterrupt: boolean): Case {
  let sum = 0
  const send = defineTask({
    name: 'send',
    requeueOnInterrupt,
    run: async ({ userId }: Mail) => {
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
          observers: [{ minLevel: 'debug', onEvent: () => (received += 1) }],
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
        await executor.close()
        expectEqual(`${name}: succeeded`, succeeded, TASKS)
        expectEqual(`${name}: sum of inputs`, sum, sumOf(TASKS))
        if (received < 3 * TASKS) throw new Error(`${name}: only ${received} events`)
        return rate
      }),
  }
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
        expectEqual(`${name}: sum of inputs`, sum, sumOf(jobs))
        return rate
      }),
  }
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function mailTo(userId: number): Mail {
  return { userId, to: 'ada@example.com' }
}

function sumOf(count: number): number {
  return (count * (count - 1)) / 2
}
