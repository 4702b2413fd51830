/** How long a commit keeps the event loop at 20,000 tasks/s: checkpoints in a thread, beside SQLite's own. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, StoredRecord } from '../src/task/record.ts'
import { sqliteBackend, type SqliteBackendOptions } from '../src/sqlite.ts'
import { endOf, newRecord, NOW } from '../src/testing/backend-cases/case.ts'
import { inDirectory } from './directory.ts'
import { ratioTarget, target } from './report.ts'
import { expectEqual, find, spreadOf, type Case, type Series } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion } from './versions.ts'

type Durability = NonNullable<SqliteBackendOptions['durability']>

const TASKS_PER_S = 20_000
const TASKS = 3 * TASKS_PER_S
const TICK_MS = 2
const OWNER = { executorId: 'bench', now: NOW }
const LINES: readonly LogLine[] = Array.from({ length: 5 }, (_, line) => ({
  time: NOW,
  level: 'info',
  attempt: 0,
  message: `line ${line} of a task`,
}))

/** What one round saw, by what the table calls it. */
type Round = Readonly<Record<(typeof COLUMNS)[number] | typeof RATE | typeof WAL, number>>

/** In ms. */
const COLUMNS = [
  'p50',
  'p99',
  'max',
  // Of the event loop's thread alone: without what it waits for, the disk and other programs.
  'p99 of CPU time',
  // From an insert's call to its answer: a commit that waits shows here.
  'answer p99',
  'answer max',
] as const
const RATE = 'tasks/s'
const WAL = 'MiB of log'

const NAMES = {
  process: ["thread, 'process'", "auto-checkpoint, 'process'"],
  power: ["thread, 'power'", "auto-checkpoint, 'power'"],
} as const

export const checkpoint: Subject = {
  title: 'SQLite: how long a commit keeps the event loop at 20,000 tasks/s',
  // One process: what the cases share, a write-ahead log, lies in files of their own.
  isolated: false,
  rounds: 7,
  warmUps: 1,
  cases: () =>
    (['process', 'power'] as const).flatMap((durability) => [
      load(NAMES[durability][0], durability, true),
      load(NAMES[durability][1], durability, false),
    ]),
  report(series) {
    const [thread, auto] = NAMES.process
    const of = (name: string, column: string): Series => find(series, `${name}: ${column}`)
    const names = Object.values(NAMES).flat()
    const slowest = names.map((name) => {
      const { min } = spreadOf(of(name, RATE).values)
      return `${min.toFixed(0)}/s (${name})`
    })
    return {
      title: this.title,
      unit: 'ms',
      series: series.filter(({ name }) => COLUMNS.some((column) => name.endsWith(`: ${column}`))),
      reference: of(auto, 'p99'),
      chart: {
        series: names.flatMap((name) => [of(name, 'p99'), of(name, 'p99 of CPU time')]),
        unit: 'ms of one commit, p99',
      },
      targets: [
        ratioTarget('checkpoint: p99', of(thread, 'p99'), of(auto, 'p99')),
        ratioTarget(
          'checkpoint: cpu p99',
          of(thread, 'p99 of CPU time'),
          of(auto, 'p99 of CPU time'),
        ),
        target('checkpoint: log size', of(thread, WAL).values),
      ],
      notes: [
        `${TASKS.toLocaleString('en')} tasks per round through the backend, open loop, a tick every ${TICK_MS} ms: inserted as running, ` +
          'then one chunk of 5 log lines and the end; a new file for each round. A commit is timed from BEGIN to the return ' +
          'of COMMIT; an answer from the call of `insert`. On a machine with other work the times are mostly those of ' +
          `the others; the CPU time is ours. Reached: ${slowest.join(', ')} in the slowest rounds.`,
      ],
    }
  },
}

function load(name: string, durability: Durability, checkpointThread: boolean): Case {
  return {
    name,
    // Without the thread it is SQLite that decides when.
    version: checkpointThread ? ownVersion() : process.versions.sqlite,
    run: () =>
      inDirectory((directory) =>
        oneRound(join(directory, 'tasks.db'), { durability, checkpointThread }),
      ),
  }
}

async function oneRound(path: string, options: SqliteBackendOptions): Promise<Round> {
  const commits: number[] = []
  const answers: number[] = []
  const cpu: number[] = []
  const restore = timeCommits((ms, cpuMs) => {
    commits.push(ms)
    cpu.push(cpuMs)
  })
  const backend = sqliteBackend(path, options)
  await backend.open(OWNER)
  const running: Promise<void>[] = []
  const finish = async (): Promise<void> => {
    const calledAt = performance.now()
    const record = newRecord(OWNER, { inputJson: '{"userId":12345,"template":"welcome"}' })
    const [result] = await backend.insert([record])
    answers.push(performance.now() - calledAt)
    if (result?.type !== 'inserted') throw new Error(`an insert was answered ${result?.type}`)
    const stored: StoredRecord = { ...record, position: result.position }
    const patch = { id: record.spec.id, position: result.position, owner: 'bench', fence: 1 }
    await Promise.all([
      backend.append([{ ...patch, lines: LINES, chunk: 0, dropped: 0 }]),
      backend.update([endOf(stored)]),
    ])
  }
  let walBytes = 0
  const startedAt = performance.now()
  for (let issued = 0; issued < TASKS;) {
    const due = Math.min(TASKS, Math.floor(((performance.now() - startedAt) / 1_000) * TASKS_PER_S))
    for (; issued < due; issued++) running.push(finish())
    walBytes = Math.max(walBytes, statSync(`${path}-wal`).size)
    await sleep(TICK_MS)
  }
  await Promise.all(running)
  const tookMs = performance.now() - startedAt
  restore()
  const counts = await backend.queries?.countByStatus()
  await backend.close(OWNER)
  expectEqual('succeeded', counts?.succeeded ?? 0, TASKS)
  return {
    p50: quantile(commits, 0.5),
    p99: quantile(commits, 0.99),
    max: quantile(commits, 1),
    'p99 of CPU time': quantile(cpu, 0.99),
    'answer p99': quantile(answers, 0.99),
    'answer max': quantile(answers, 1),
    [RATE]: (TASKS / tookMs) * 1_000,
    [WAL]: walBytes / 1_048_576,
  }
}

/** Times each transaction that writes, on the connections that are opened from now on. Answers a function that ends it. */
function timeCommits(onCommit: (ms: number, cpuMs: number) => void): () => void {
  const { prepare } = DatabaseSync.prototype
  let beganAt = 0
  let beganCpu: NodeJS.CpuUsage = { user: 0, system: 0 }
  DatabaseSync.prototype.prepare = function timed(this: DatabaseSync, sql, ...rest) {
    const statement = prepare.call(this, sql, ...rest)
    if (sql !== 'BEGIN IMMEDIATE' && sql !== 'COMMIT') return statement
    const run = statement.run.bind(statement)
    statement.run = () => {
      if (sql === 'COMMIT') {
        const result = run()
        if (beganAt > 0) {
          const { user, system } = process.threadCpuUsage(beganCpu)
          onCommit(performance.now() - beganAt, (user + system) / 1_000)
        }
        beganAt = 0
        return result
      }
      beganAt = performance.now()
      beganCpu = process.threadCpuUsage()
      return run()
    }
    return statement
  }
  return () => {
    DatabaseSync.prototype.prepare = prepare
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
