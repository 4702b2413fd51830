/**
 * A process that lives with a Redis that comes and goes: tasks at an even pace, their events in a stream, and, if it is told
 * to, its records in Redis and a reader of the stream. Takes a `LifeSettings` as JSON.
 *
 * It says `ready ID`, after `unopened CODE REASON TEXT` for each start that failed; `ran ENQUEUED NOW` for a body (records in Redis), `read EMITTED NOW` for an event, `refused MS REASON TEXT` for an
 * enqueue that rejected,  `gap …` for what the reader told that is no event, `fault WHO TEXT` for
 * what the executor told of its store and its observers. It answers `mark` (latencies are counted from now),
 * `stats` (`stats {…}`), `enough` (it enqueues no more; `drained` when nothing is left) and `close` (`closed {…}`, and it ends).
 * Every event is in its journal before the stream's observer hears of it: `EXECUTOR SEQ TYPE TASK`.
 */

import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BackendUnavailableError,
  createExecutor,
  defineTask,
  memoryBackend,
  setFallbackLogger,
  type Observer,
  type PlainsightError,
} from '../../../src/index.ts'
import { readEvents, redisStreamObserver } from '../../../src/redis.ts'
import { openStore } from '../open-store.ts'

export interface LifeSettings {
  readonly url: string
  readonly stream: string
  readonly journal: string
  /** Records are in Redis, or in memory: then Redis is an observer only. */
  readonly records: 'redis' | 'memory'
  readonly reads: boolean
  /** One enqueue every so many milliseconds. */
  readonly everyMs: number
  readonly workMs: number
  /** Log lines of a task, besides its lifecycle. */
  readonly lines: number
  /** Of the stream's observer. Default: its own. */
  readonly maxQueue?: number | undefined
}

export interface LifeStats {
  readonly emitted: number
  readonly delivered: number
  readonly dropped: number
  readonly failed: number
  readonly queued: number
  readonly ready: boolean
  readonly accepted: number
  readonly refused: number
  /** From enqueue to result, of tasks enqueued since `mark`, in milliseconds. */
  readonly latencies: readonly number[]
}

const OBSERVER = 'stream'
const say = (line: string): void => void writeSync(1, `${line}\n`)
const settings = JSON.parse(process.argv[2] ?? '{}') as LifeSettings
const { url, stream, everyMs, workMs, lines, maxQueue } = settings
// A line of a body that outlives its attempt; all else on stderr is a fault.
setFallbackLogger({ error() {} })

const file = openSync(settings.journal, 'a')
const journal: Observer = {
  name: 'journal',
  minLevel: 'debug',
  onEvent(event) {
    // What is said about an observer is not said to it.
    if ('observer' in event && event.observer === OBSERVER) return
    const task = 'taskId' in event ? event.taskId : '-'
    writeSync(file, `${event.executorId} ${event.seq} ${event.type} ${task}\n`)
  },
}
const task = defineTask({
  name: 'work',
  retries: 5,
  async run({ at }: { readonly at: number }, { log }) {
    if (settings.records === 'redis') say(`ran ${at} ${Date.now()}`)
    for (let line = 0; line < lines; line++) log(`line ${line}`)
    await sleep(workMs)
  },
})
const executor = createExecutor({
  tasks: [task],
  backend: settings.records === 'redis' ? await openStore(url) : memoryBackend(),
  observers: [
    journal,
    // All of it is compared in the end.
    redisStreamObserver({
      client: url,
      stream,
      name: OBSERVER,
      minLevel: 'debug',
      maxLen: Infinity,
      maxQueue,
    }),
  ],
  concurrency: 50,
})

let accepted = 0
let refused = 0
let isEnough = false
let latencies: number[] = []
const input = createInterface({ input: process.stdin })
// The parent is gone when its end of the pipe is: nobody would kill this process any more.
process.stdin.on('close', () => process.exit(3))
input.on('line', (line) => {
  if (line === 'mark') latencies = []
  if (line === 'stats') say(`stats ${JSON.stringify(stats())}`)
  if (line === 'enough') void enough()
  if (line === 'close') void close()
})

executor.events.on('observer.error', ({ observer, error }) => {
  say(`fault ${observer} ${error.message}`)
})
executor.events.on('backend.error', ({ error }) => say(`fault backend ${error.message}`))
await start()
say(`ready ${executor.id}`)
const reading = new AbortController()
if (settings.reads) void read()
const timer = setInterval(() => void enqueue(), everyMs)

/** Again and again, as a supervisor would. */
async function start(): Promise<void> {
  for (;;) {
    try {
      await executor.start()
      return
    } catch (error) {
      const { code, message } = error as PlainsightError
      const reason = error instanceof BackendUnavailableError ? error.reason : '-'
      say(`unopened ${code} ${reason} ${message}`)
      await sleep(200)
    }
  }
}

async function enqueue(): Promise<void> {
  const own = latencies
  const startedAt = performance.now()
  try {
    const handle = await executor.enqueue(task, { at: Date.now() })
    accepted += 1
    writeSync(file, `accepted ${handle.id}\n`)
    if (settings.records === 'redis') return
    await handle.result()
    own.push(performance.now() - startedAt)
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error
    refused += 1
    say(`refused ${Math.round(performance.now() - startedAt)} ${error.reason} ${error.message}`)
  }
}

async function read(): Promise<void> {
  for await (const each of readEvents({
    client: url,
    stream,
    from: 'now',
    signal: reading.signal,
  })) {
    if (each.type !== 'event') say(`gap ${JSON.stringify(each)}`)
    else if (each.event.type === 'task.succeeded') say(`read ${each.event.time} ${Date.now()}`)
  }
}

function stats(): LifeStats {
  const { observers, ready } = executor.stats()
  const {
    emitted = 0,
    delivered = 0,
    dropped = 0,
    failed = 0,
    queued = 0,
  } = observers.find(({ name }) => name === OBSERVER) ?? {}
  return { emitted, delivered, dropped, failed, queued, ready, accepted, refused, latencies }
}

async function enough(): Promise<void> {
  if (isEnough) return
  isEnough = true
  clearInterval(timer)
  await executor.drain({ timeout: '60s' })
  say('drained')
}

async function close(): Promise<void> {
  clearInterval(timer)
  reading.abort()
  await executor.close({ grace: 5_000 })
  say(`closed ${JSON.stringify(stats())}`)
  process.exit(0)
}
