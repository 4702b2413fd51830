/**
 * The process that starts and stops executors: `node --expose-gc handles-child.ts BACKEND ROUNDS DIRECTORY SEED [PLANTED]`.
 * It says, as JSON, what it held before and what it holds after. With PLANTED it leaves something on purpose.
 */

import { openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { consoleObserver } from '../../src/console.ts'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  memoryObserver,
  type Executor,
} from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { seededRandom } from '../support/random.ts'

export interface Held {
  /** Handles and requests that keep the process alive, by kind. */
  readonly resources: Readonly<Record<string, number>>
  /** Listeners on `process`, by event. */
  readonly listeners: Readonly<Record<string, number>>
  readonly descriptors: number
  readonly threads: number
}

export interface HandlesReport {
  readonly before: Held
  readonly after: Held
  readonly executors: number
  /** Executors and backends that are still reachable. */
  readonly alive: number
}

const PARALLEL = 10
const [backendName = 'memory', rounds = '1', directory = '', seed = '1', planted = ''] =
  process.argv.slice(2)
const random = seededRandom(Number(seed))
const gc = (globalThis as { gc?: () => void }).gc
if (gc === undefined) throw new Error('run it with --expose-gc')

const quick = defineTask({ name: 'quick', run: (_input: unknown, { log }) => log('a line') })
const flaky = defineTask({
  name: 'flaky',
  retries: 1,
  backoff: { delay: 1, jitter: 'none' },
  timeout: '10s',
  run(_input: unknown, { attempt }) {
    if (attempt === 0) throw new Error('not yet')
  },
})
const slow = defineTask({
  name: 'slow',
  run: (_input: unknown, { signal }) => sleep(60_000, undefined, { signal }).catch(() => {}),
})

const made: WeakRef<object>[] = []
let files = 0

/** Half of the lives share one file per lane, the others have a file each. */
function openBackend(lane: number) {
  if (backendName === 'memory') return memoryBackend()
  const name = random() < 0.5 ? `shared-${lane % 3}.db` : `own-${files++}.db`
  return sqliteBackend(join(directory, name))
}

async function oneLife(lane: number): Promise<void> {
  const backend = openBackend(lane)
  const executor: Executor = createExecutor({
    tasks: [quick, flaky, slow],
    backend,
    observers: [memoryObserver({ max: 100 }), consoleObserver({ stream: { write: () => true } })],
    handleSignals: random() < 0.5,
  })
  made.push(new WeakRef(executor), new WeakRef(backend))
  const kind = random()
  if (kind < 0.1) return executor.close({ grace: 0 })
  await executor.start()
  if (kind < 0.2) return executor.close({ grace: 0 })
  const off = executor.observe({ name: 'guest', minLevel: 'debug', onEvent() {} })
  const unsubscribe = executor.events.on('task.succeeded', () => {})
  const handles = [await executor.enqueue(quick), await executor.enqueue(flaky)]
  // So much writing makes SQLite's backend start a thread.
  if (random() < 0.05)
    await executor.enqueueMany(Array.from({ length: 1_200 }, () => ({ task: quick })))
  // Left as they are: one waits for an hour, one runs until it is told to stop.
  if (random() < 0.5) await executor.enqueue(quick, undefined, { delay: '1h' })
  if (random() < 0.5) await executor.enqueue(slow)
  if (random() < 0.7) await Promise.all(handles.map((each) => each.result({ timeout: '30s' })))
  if (random() < 0.5) await off()
  if (random() < 0.5) unsubscribe()
  await executor.close({ grace: random.pick([0, 1, 20]) })
}

/** One of each kind. */
function plant(): { readonly executor: Executor } {
  const executor = createExecutor({ observers: [] })
  made.push(new WeakRef(executor))
  openSync('/dev/null', 'r')
  process.on('SIGUSR2', () => {})
  setInterval(() => {}, 60_000)
  return { executor }
}

async function lives(count: number): Promise<void> {
  const lanes = Array.from({ length: PARALLEL }, async (_each, lane) => {
    for (let round = 0; round < count; round++) await oneLife(lane)
  })
  await Promise.all(lanes)
}

function held(): Held {
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const listeners: Record<string, number> = {}
  for (const event of process.eventNames()) listeners[String(event)] = process.listenerCount(event)
  return {
    resources,
    listeners,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  }
}

/** What is held when nothing goes away any more: threads and files take a moment to end. */
async function settled(): Promise<Held> {
  let last = held()
  for (let same = 0; same < 10;) {
    await sleep(20)
    const now = held()
    same = JSON.stringify(now) === JSON.stringify(last) ? same + 1 : 0
    last = now
  }
  return last
}

// Once for what is made a single time: the pool of threads, compiled code, a first directory.
await lives(2)
const before = await settled()
made.length = 0
await lives(Number(rounds))
const leak = planted === '' ? undefined : plant()
const after = await settled()
await sleep(50)
gc()
await turn()
gc()
const alive = made.filter((each) => each.deref() !== undefined).length
const report: HandlesReport = { before, after, executors: Number(rounds) * PARALLEL, alive }
writeSync(1, `${JSON.stringify(report)}\n`)
void leak?.executor.close()
// Nothing may hold the process: it ends by itself.
