/**
 * Enqueues tasks by the million on one SQLite file while none of them can start, then lets them run. Reports the heap on the
 * way and what was out of order.
 *
 * Arguments: the database, the number of tasks, and at how many the heap is measured first.
 */

import { statSync } from 'node:fs'
import { createExecutor, defineTask } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'

export interface OverflowReport {
  /** Bytes of heap with a few tasks waiting, with all of them, and when all have run. */
  readonly few: number
  readonly all: number
  readonly end: number
  readonly overflow: number
  readonly ran: number
  /** Starts before one of the same queue that goes first. */
  readonly outOfOrder: number
  /** How many tasks of the long queue had started when the last of the short one did. */
  readonly waitedFor: number
  readonly enqueuedPerSecond: number
  readonly ranPerSecond: number
  readonly fileBytes: number
}

const PER_TURN = 500
const PRIORITIES = 3
/** Enqueued last, in a queue of their own. */
const SHORT = 100

interface Place {
  readonly n: number
  readonly priority: number
}

const [path = '', count = '0', few = '0'] = process.argv.slice(2)
const total = Number(count)
let ran = 0
let outOfOrder = 0
let waitedFor = 0
let last: Place = { n: -1, priority: Infinity }
let open = (): void => {}
const opened = new Promise<void>((resolve) => {
  open = resolve
})

const hold = defineTask({ name: 'hold', run: () => opened })
const long = defineTask({
  name: 'long',
  run(place: Place) {
    ran += 1
    const isBehind =
      place.priority > last.priority || (place.priority === last.priority && place.n < last.n)
    if (isBehind) outOfOrder += 1
    last = place
  },
})
const short = defineTask({
  name: 'short',
  queue: 'short',
  priority: PRIORITIES,
  run() {
    waitedFor = ran
  },
})

const executor = createExecutor({
  tasks: [hold, long, short],
  backend: sqliteBackend(path),
  observers: [],
  concurrency: 1,
  retention: { maxCount: 1_000 },
})
await executor.enqueue(hold)
const enqueueStart = performance.now()
let fewBytes = 0
for (let n = 0; n < total;) {
  const turn: Promise<unknown>[] = []
  for (const end = Math.min(n + PER_TURN, total); n < end; n++) {
    const priority = (n * 7) % PRIORITIES
    turn.push(executor.enqueue(long, { n, priority }, { priority }))
  }
  await Promise.all(turn)
  if (fewBytes === 0 && n >= Number(few)) fewBytes = heap()
}
const enqueuedPerSecond = rate(enqueueStart)
// Of the highest priority that the others have, too: it is the turns that bring them through.
await executor.enqueueMany(
  Array.from({ length: SHORT }, () => ({ task: short, options: { priority: PRIORITIES - 1 } })),
)
const all = heap()
const { overflow } = executor.stats()
const runStart = performance.now()
open()
await executor.drain()
const report: OverflowReport = {
  few: fewBytes,
  all,
  end: heap(),
  overflow,
  ran,
  outOfOrder,
  waitedFor,
  enqueuedPerSecond,
  ranPerSecond: rate(runStart),
  fileBytes: statSync(path).size,
}
await executor.close()
process.stdout.write(`${JSON.stringify(report)}\n`)

function rate(since: number): number {
  return Math.round((total / (performance.now() - since)) * 1_000)
}

function heap(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
