/**
 * The process that runs tasks through a file: `node --expose-gc sqlite-soak-child.ts PATH COUNT KEPT PLANTED`. It looks at
 * the files every few milliseconds, and at its heap at so many points; it says what it saw as JSON.
 */

import { statSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import type { HeapSample } from './heap-slope.ts'

export interface FileSoakReport {
  readonly samples: readonly HeapSample[]
  readonly enqueued: number
  readonly succeeded: number
  /** Finished records at the end, when the sweeps have come to rest. */
  readonly left: number
  /** Bytes of database and log together, at most. */
  readonly largest: number
  readonly largestLog: number
  readonly logSamples: number
  readonly seconds: number
}

const POINTS = 10
const BATCH = 500
const IN_FLIGHT = 2_000
/** At most; half of a short soak. After some ten thousand tasks Node gives back what compiling has taken. */
const WARM_UP = 100_000
const LOOK_MS = 10

const [path = '', given = '1000', kept = '10000', planted = '0'] = process.argv.slice(2)
const count = Number(given)
const keepsEvery = Number(planted)
const leaked: object[] = []
let runs = 0
let succeeded = 0
let largest = 0
let largestLog = 0
let logSamples = 0

const work = defineTask({
  name: 'work',
  run({ n }: { readonly n: number }, { taskId, log }) {
    runs += 1
    if (keepsEvery > 0 && runs % keepsEvery === 0) leaked.push({ taskId, n })
    if (n % 10 === 0) log('a line of a task', { n })
    return n
  },
})
const executor = createExecutor({
  tasks: [work],
  backend: sqliteBackend(path),
  observers: [],
  concurrency: 100,
  retention: { maxCount: Number(kept) },
})
executor.events.on('task.succeeded', () => {
  succeeded += 1
})

function look(): void {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  const database = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  largestLog = Math.max(largestLog, log)
  largest = Math.max(largest, log + database)
  logSamples += 1
}

function held(): number {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('run it with --expose-gc')
  gc()
  gc()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

await executor.start()
const looking = setInterval(look, LOOK_MS)
const samples: HeapSample[] = []
const startedAt = performance.now()
let enqueued = 0

/** Enqueues and runs, until so many have been enqueued in all. */
async function runUntil(until: number): Promise<void> {
  while (enqueued < until) {
    const inputs = Array.from({ length: Math.min(BATCH, until - enqueued) }, () => ({
      task: work,
      input: { n: enqueued++ },
    }))
    await executor.enqueueMany(inputs)
    while (enqueued - succeeded > IN_FLIGHT) await sleep(1)
  }
  await executor.drain()
}

const warmUp = Math.min(WARM_UP, count / 2)
await runUntil(warmUp)
for (let point = 1; point <= POINTS; point++) {
  await runUntil(warmUp + Math.round((count * point) / POINTS))
  samples.push({ done: enqueued, bytes: held() })
}
const seconds = (performance.now() - startedAt) / 1_000
const finished = async (): Promise<number> => (await executor.counts()).succeeded
// A sweep that is behind goes on by itself.
await waitFor(async () => (await finished()) <= Number(kept) + BATCH, { timeout: '5s' }).catch(
  () => {},
)
const left = await finished()
clearInterval(looking)
await executor.close()
const report = { samples, enqueued, succeeded, left, largest, largestLog, logSamples, seconds }
writeSync(1, `${JSON.stringify(report satisfies FileSoakReport)}\n`)
process.exit(0)
