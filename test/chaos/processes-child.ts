/**
 * One of several worker processes on one store, each of which enqueues and runs a mix of tasks and writes the journal.
 *
 * It loads everything, says `loaded`, and waits on stdin for `go {…}`, a `Go` as JSON. It says `accepted` after its first
 * task, `long ID` before it enqueues a task that somebody else is to cancel, and then does what it is told: `hold` (it
 * enqueues such a task without a word, and says `held ID` when its body runs), `release` (it says `long ID` of that one),
 * `cancel ID` (it answers `cancel ID true|false`), `enough` (it enqueues no more), `close` (it says `closed` and ends).
 */

import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/executor/system-clock.ts'
import { BackendUnavailableError, createExecutor, setFallbackLogger } from '../../src/index.ts'
import { fastClock } from '../support/fast-clock.ts'
import { seededRandom } from '../support/random.ts'
import { openJournal } from './journal.ts'
import { inputOf, JOURNALED_KINDS, journaledTasks } from './journaled-tasks.ts'
import { KILL_CONCURRENCY } from './kill-check.ts'
import { openStore, removeLock } from './open-store.ts'

/** What a worker is told to be. */
export interface Go {
  /** Of the journal. */
  readonly directory: string
  /** A path, or a URL. */
  readonly place: string
  readonly tag: string
  readonly seed: number
  /** How fast its time runs; 1 is the system's. */
  readonly factor: number
  readonly epochMs: number
  /** `leases`: its lock file is removed, so that only its beat says whether it lives. */
  readonly judgedBy: 'locks' | 'leases'
  /** How many of its tasks may be unfinished before it enqueues more, and how many it enqueues in all. */
  readonly backlog: number
  readonly limit: number
}

const ENDS = ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] as const
const LONG_RATE = 0.02
const PACE_MS = 4
/** What is enqueued to be held and does not begin within so long is not held. */
const HOLD_MS = 3_000

const say = (line: string): void => void writeSync(1, `${line}\n`)

flushCompileCache()
say('loaded')
const input = createInterface({ input: process.stdin })
const [command] = (await once(input, 'line')) as [string]
const go = JSON.parse(command.slice('go '.length)) as Go
// The parent is gone when its end of the pipe is: nobody would kill this process any more.
process.stdin.on('close', () => process.exit(3))
const random = seededRandom(go.seed)
const journal = openJournal(join(go.directory, 'journal'), go.tag)
const clock = go.factor === 1 ? systemClock : fastClock(go.factor, go.epochMs)
const tasks = journaledTasks(journal, clock)

// A body that outlives its attempt logs there; all else on stderr is a fault.
setFallbackLogger({ error() {} })
const executor = createExecutor({
  tasks: Object.values(tasks),
  backend: await openStore(go.place),
  observers: [],
  concurrency: KILL_CONCURRENCY,
  retention: { maxCount: Infinity },
  clock,
})
for (const end of ENDS) {
  executor.events.on(`task.${end}`, ({ taskId }) => journal.write('D', taskId, end))
}
executor.events.on('attempt.discarded', ({ taskId, reason }) => journal.write('L', taskId, reason))
journal.write('P', String(process.pid))

/** The last task that was held. */
let heldId = ''
let isEnough = false
input.on('line', (line) => {
  const [word, id = ''] = line.split(' ')
  if (word === 'enough') isEnough = true
  if (word === 'close') void close()
  if (word === 'cancel') void cancel(id)
  if (word === 'hold') void hold()
  if (word === 'release') release()
})

await start()
if (go.judgedBy === 'leases') await removeLock(go.place, executor.id)
say('started')
for (let produced = 0; produced < go.limit && !isEnough;) {
  const { running, queued } = executor.stats()
  const hasRoom = running + queued < go.backlog || produced === 0
  if (hasRoom) {
    await Promise.all([enqueueOne(), enqueueOne(), enqueueOne()])
    if (produced === 0) say('accepted')
    produced += 3
  }
  if (!hasRoom || go.backlog < go.limit) await sleep(PACE_MS)
}
say('produced')

async function enqueueOne(): Promise<void> {
  try {
    if (random() < LONG_RATE) return await enqueueLong()
    const kind = random.pick(JOURNALED_KINDS)
    const key = kind === 'keyed' ? `key-${random.below(600)}` : undefined
    const delay = kind === 'late' ? random.below(60) : kind === 'cancelled' ? 150 : undefined
    const options = {
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(delay === undefined ? {} : { delay }),
    }
    const handle = await executor.enqueue(tasks[kind], inputOf(kind, random), options)
    journal.write('A', handle.id, kind, key ?? '-')
    if (kind === 'cancelled' && (await handle.cancel({ reason: 'chaos' })))
      journal.write('C', handle.id)
  } catch (error) {
    // It is closing; or the store is away (one that is frozen may hold its write lock), or has given the lease away.
    if (!isEnough && !isAway(error)) throw error
  }
}

async function enqueueLong(): Promise<void> {
  const id = longId()
  say(`long ${id}`)
  await acceptLong(id, 0)
}

async function acceptLong(id: string, priority: number): Promise<void> {
  const handle = await executor.enqueue(tasks.long, { workMs: 0 }, { id, priority })
  journal.write('A', handle.id, 'long', '-')
}

function longId(): string {
  return `long-${go.tag}-${random.below(1 << 30)}`
}

function release(): void {
  say(`long ${heldId}`)
  heldId = ''
}

/** Nobody may cancel it before it is released: what is held must be there to be lost. */
async function hold(): Promise<void> {
  let isHeld = false
  const stop = executor.events.on('attempt.started', ({ taskId }) => {
    if (taskId !== heldId) return
    isHeld = true
    stop()
    say(`held ${heldId}`)
  })
  while (!isHeld) {
    if (heldId !== '') say(`long ${heldId}`)
    heldId = longId()
    try {
      await acceptLong(heldId, 9)
    } catch (error) {
      if (!isAway(error)) throw error
    }
    // Not accepted, or another worker had a free slot before this one: it is of no use then, and is let go.
    for (let waited = 0; waited < HOLD_MS && !isHeld; waited += PACE_MS) await sleep(PACE_MS)
  }
}

async function cancel(id: string): Promise<void> {
  const isAsked = await executor.cancel(id, { reason: 'chaos' }).catch((error: unknown) => {
    if (isAway(error)) return false
    throw error
  })
  if (isAsked) journal.write('C', id)
  say(`cancel ${id} ${isAsked}`)
}

function isAway(error: unknown): boolean {
  return error instanceof BackendUnavailableError
}

/** A frozen process may hold the write lock for longer than an open waits. */
async function start(): Promise<void> {
  for (;;) {
    try {
      await executor.start()
      return
    } catch (error) {
      if (!isAway(error)) throw error
    }
  }
}

async function close(): Promise<void> {
  isEnough = true
  await executor.close({ grace: 20 })
  say('closed')
  process.exit(0)
}
