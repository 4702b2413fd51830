/** How long a list takes among a million records in SQLite, whatever the filters. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend, RecordQueries, RecordQuery } from '../src/backends/backend.ts'
import { sqliteBackend } from '../src/sqlite.ts'
import { FIRST_CREATED, insertMany, MS_PER_RECORD } from '../test/support/many-records.ts'
import { seededRandom } from '../test/support/random.ts'
import { formatNumber, table } from './markdown.ts'
import { target } from './report.ts'
import { find, type Case, type Series } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion } from './versions.ts'

/** `BENCH_RECORDS` for a quicker look. */
const RECORDS = Number(process.env['BENCH_RECORDS'] ?? 1_000_000)
const PAGE = 50
const NOTHING = 'nothing'
const COUNTS = 'counts of each status'
const WALL = 'ms'
const CPU = 'ms of the processor'
const SHORT = 'short pages'

const at = (share: number): number => FIRST_CREATED + RECORDS * share * MS_PER_RECORD
const FILTERS: Readonly<Record<string, Partial<RecordQuery>>> = {
  [NOTHING]: {},
  'status succeeded': { status: ['succeeded'] },
  'status failed, 0.9 %': { status: ['failed'] },
  'status expired, 0.2 %': { status: ['expired'] },
  'status pending': { status: ['pending'] },
  'status retrying': { status: ['retrying'] },
  'status running': { status: ['running'] },
  'all live statuses': { status: ['scheduled', 'pending', 'running', 'retrying'] },
  'all bad ends': { status: ['failed', 'cancelled', 'interrupted', 'expired'] },
  'name, 5 %': { name: 'task-7' },
  'name, 0.002 %': { name: 'nightly-report' },
  'name, none': { name: 'nobody' },
  queue: { queue: 'queue-3' },
  'name and queue': { name: 'task-7', queue: 'queue-3' },
  'status failed and name': { status: ['failed'], name: 'task-7' },
  'status failed and queue': { status: ['failed'], queue: 'queue-3' },
  'status expired, name and queue': { status: ['expired'], name: 'task-7', queue: 'queue-3' },
  'tag, 33 %': { tags: { plan: 'pro' } },
  'tag, 0.1 %': { tags: { tenant: 'tenant-500' } },
  'tag, 0.005 %': { tags: { incident: 'yes' } },
  'two tags': { tags: { plan: 'pro', tenant: 'tenant-500' } },
  'tag and status failed': { tags: { plan: 'pro' }, status: ['failed'] },
  'tag, 0.1 %, and status succeeded': { tags: { tenant: 'tenant-500' }, status: ['succeeded'] },
  'tag and name': { tags: { plan: 'pro' }, name: 'task-7' },
  'tag, name and status expired': { tags: { plan: 'pro' }, name: 'task-7', status: ['expired'] },
  parent: { parentId: `record-${Math.floor(RECORDS / 2_000) * 1_000}` },
  'created, a tenth': { createdAfter: at(0.4), createdBefore: at(0.5) },
  'created and status failed': { createdAfter: at(0.4), status: ['failed'] },
  'text, everywhere': { text: 'task-' },
  'text, 0.9 %': { text: 'refused' },
  'text, nowhere': { text: 'no such text' },
  'text and status failed': { text: 'host-77', status: ['failed'] },
  'text and tag': { text: 'refused', tags: { tenant: 'tenant-500' } },
  'everything at once': {
    status: ['failed', 'succeeded'],
    name: 'task-7',
    queue: 'queue-3',
    tags: { plan: 'pro' },
    createdAfter: at(0.1),
    createdBefore: at(0.9),
    text: 'MailError',
  },
}

let directory: string | undefined
let backend: Backend | undefined

async function filled(): Promise<RecordQueries> {
  if (backend?.queries !== undefined) return backend.queries
  directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
  backend = sqliteBackend(join(directory, 'tasks.db'))
  const startedAt = performance.now()
  await insertMany(backend, RECORDS)
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  console.log(`${RECORDS.toLocaleString('en')} records inserted and ended in ${seconds} s`)
  return backend.queries as RecordQueries
}

function list(name: string, filters: Partial<RecordQuery>): Case {
  const random = seededRandom(name.length)
  return {
    name,
    version: ownVersion(),
    async run() {
      const queries = await filled()
      const order = random.pick(['newest', 'oldest'] as const)
      // From the beginning of the list, or deep in it.
      const after = random.below(2) === 0 ? undefined : random.below(RECORDS)
      const [times, { records, next }] = await timed(() =>
        queries.list({ ...filters, order, after, limit: PAGE }),
      )
      return { ...times, [SHORT]: next !== undefined && records.length < PAGE ? 1 : 0 }
    },
  }
}

interface Times {
  readonly [WALL]: number
  readonly [CPU]: number
}

async function timed<T>(call: () => T | Promise<T>): Promise<[times: Times, answer: T]> {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  const answer = await call()
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  return [{ [WALL]: ms, [CPU]: (user + system) / 1_000 }, answer]
}

export const queries: Subject = {
  title: `SQLite: lists among ${RECORDS.toLocaleString('en')} records`,
  isolated: false,
  rounds: 200,
  warmUps: 3,
  cases: () => [
    ...Object.entries(FILTERS).map(([name, filters]) => list(name, filters)),
    {
      name: COUNTS,
      version: ownVersion(),
      async run() {
        const store = await filled()
        const [times] = await timed(() => store.countByStatus())
        return { ...times }
      },
    },
  ],
  report(series) {
    const names = [...Object.keys(FILTERS), COUNTS]
    const walls = names.map((name) => ({ ...find(series, `${name}: ${WALL}`), name }))
    const cpus = names.map((name) => ({ ...find(series, `${name}: ${CPU}`), name }))
    const p99 = (all: readonly Series[]): readonly Series[] =>
      all.map((each) => ({ ...each, values: [percentile(each.values, 0.99)] }))
    const slowest = (all: readonly Series[]): number =>
      Math.max(...p99(all).flatMap(({ values }) => values))
    return {
      title: this.title,
      unit: 'ms',
      series: walls,
      reference: find(walls, NOTHING),
      table: percentilesTable(walls, cpus, (name) => {
        const short = series.find((each) => each.name === `${name}: ${SHORT}`)?.values ?? []
        return short.reduce((sum, value) => sum + value, 0)
      }),
      chart: { series: p99(walls), unit: 'ms for a page, p99' },
      targets: [
        target('queries: p99', [slowest(walls)]),
        target('queries: cpu p99', [slowest(cpus)]),
      ],
      notes: [
        `Pages of ${PAGE}, newest or oldest first, half of them from somewhere deep in the list. A tenth of the records is ` +
          'live, the newest; 20 names, 5 queues, two or three tags. The time of the processor is that of all threads of the ' +
          'process, and leaves out what other processes of the machine did meanwhile.',
      ],
    }
  },
  async close() {
    await backend?.close({ executorId: 'bench', now: Date.now() })
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  },
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}

/** What matters here: the slow ones, and how often a page was short of the limit and had a cursor. */
function percentilesTable(
  walls: readonly Series[],
  cpus: readonly Series[],
  shortPagesOf: (name: string) => number,
): string {
  const head = ['filters', 'p50, ms', 'p99', 'max', 'processor p50, ms', 'p99', 'short pages']
  const rows = walls.map(({ name, values }, index) => {
    const cpu = cpus[index]?.values ?? []
    const numbers = [
      ...[0.5, 0.99, 1].map((share) => percentile(values, share)),
      ...[0.5, 0.99].map((share) => percentile(cpu, share)),
    ]
    return [name, ...numbers.map(formatNumber), String(shortPagesOf(name))]
  })
  return table(head, rows, 1)
}
