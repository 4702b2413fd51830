/**
 * The process that is killed: an executor on SQLite that enqueues and runs a mix of tasks, and writes the journal.
 *
 * It loads everything, says `loaded`, and waits on stdin for `go MODE SEED DIRECTORY DURABILITY`, so that the parent can
 * have the next one ready while this one runs. Then it says `opening`, and `accepted` after the first task.
 */

import { once } from 'node:events'
import { writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { flushCompileCache } from 'node:module'
import { createInterface } from 'node:readline'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import {
  createExecutor,
  defineTask,
  setFallbackLogger,
  type Executor,
  type TaskContext,
} from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { seededRandom } from '../support/random.ts'
import { openJournal, type Journal } from './journal.ts'
import { KILL_CONCURRENCY } from './kill-check.ts'

/** How many tasks one life enqueues at most: the rest of its time it only runs. */
const MAX_ROOTS = 240
const ENDS = ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] as const

const say = (line: string): void => void writeSync(1, `${line}\n`)

flushCompileCache()
say('loaded')
const input = createInterface({ input: process.stdin })
const [command] = (await once(input, 'line')) as [string]
const [, mode = '', seed = '1', directory = '', durability = 'process'] = command.split(' ')
// The parent is gone when its end of the pipe is: nobody would kill this process any more.
process.stdin.on('close', () => process.exit(3))
const random = seededRandom(Number(seed))
const journal: Journal = openJournal(join(directory, 'journal'))
journal.write('P', String(process.pid), mode)

interface Input {
  readonly workMs: number
  /** How many of the first attempts fail, cut-off ones not counted. */
  readonly failures?: number
}

/** Journals the beginning and the end of a body; fails the way the input says. */
function body(work: (input: Input, context: TaskContext) => Promise<void>) {
  return async (given: Input, context: TaskContext): Promise<number> => {
    const { taskId, attempt, recoveries } = context
    journal.write('R', taskId, attempt)
    try {
      await work(given, context)
      if (attempt - recoveries < (given.failures ?? 0)) throw new Error(`attempt ${attempt} fails`)
    } catch (error) {
      journal.write('E', taskId, attempt, 'fail')
      throw error
    }
    journal.write('E', taskId, attempt, 'ok')
    return given.workMs
  }
}

async function work({ workMs }: Input): Promise<void> {
  if (workMs >= 1) await sleep(workMs)
  else if (workMs > 0) await turn()
}

const retrying = { retries: 3, backoff: { delay: 1, factor: 2, jitter: 'none' } } as const
const tasks = {
  once: defineTask({ name: 'once', run: body(work) }),
  brokenOnce: defineTask({ name: 'brokenOnce', run: body(work) }),
  retried: defineTask({ name: 'retried', ...retrying, run: body(work) }),
  flaky: defineTask({ name: 'flaky', ...retrying, run: body(work) }),
  broken: defineTask({ name: 'broken', ...retrying, retries: 1, run: body(work) }),
  keyed: defineTask({ name: 'keyed', ...retrying, run: body(work) }),
  late: defineTask({ name: 'late', ...retrying, run: body(work) }),
  cancelled: defineTask({ name: 'cancelled', ...retrying, run: body(work) }),
  slow: defineTask({
    name: 'slow',
    ...retrying,
    retries: 1,
    timeout: 4,
    run: body(async (_given, { signal }) => {
      await sleep(5_000, undefined, { signal })
    }),
  }),
  noisy: defineTask({
    name: 'noisy',
    ...retrying,
    run: body(async (given, { log, progress }) => {
      for (let line = 0; line < 5; line++) log(`line ${line}`, { line })
      progress(1, 2)
      await work(given)
      log.warning('after')
    }),
  }),
  child: defineTask({ name: 'child', ...retrying, run: body(work) }),
  parent: defineTask({
    name: 'parent',
    ...retrying,
    run: body(async (given, context) => {
      const idempotencyKey = `child-of-${context.taskId}`
      const handle = await context.enqueue(tasks.child, given, { idempotencyKey })
      journal.write('A', handle.id, 'child', idempotencyKey)
      await work(given)
    }),
  }),
}
type Kind = keyof typeof tasks

// A body that outlives its attempt logs there; all else on stderr is a fault.
setFallbackLogger({ error() {} })
const executor = createExecutor({
  tasks: Object.values(tasks),
  backend: sqliteBackend(join(directory, 'tasks.db'), {
    durability: durability as 'process' | 'power',
  }),
  observers: [],
  concurrency: KILL_CONCURRENCY,
  retention: { maxCount: Infinity },
})
for (const end of ENDS) {
  executor.events.on(`task.${end}`, ({ taskId }) => journal.write('D', taskId, end))
}

say('opening')
if (mode === 'drain') await drain(executor)
else await produce()

async function produce(): Promise<void> {
  const kinds = Object.keys(tasks).filter((kind) => kind !== 'child') as Kind[]
  let produced = 0
  const enqueueOne = async (): Promise<void> => {
    const kind = random.pick(kinds)
    const given: Input = {
      workMs: random.pick([0, 0, 0.5, 1, 3]),
      ...(kind === 'flaky' ? { failures: 1 + random.below(2) } : undefined),
      ...(kind === 'broken' || kind === 'brokenOnce' ? { failures: 99 } : undefined),
    }
    // A third of the keys is asked for again, here or in a later life.
    const key = kind === 'keyed' ? `key-${random.below(600)}` : undefined
    const handle = await executor.enqueue(
      tasks[kind],
      kind === 'keyed' ? { workMs: 1 } : given,
      kind === 'keyed'
        ? { idempotencyKey: key }
        : kind === 'late'
          ? { delay: random.below(60) }
          : kind === 'cancelled'
            ? { delay: 150 }
            : {},
    )
    journal.write('A', handle.id, kind, key ?? '-')
    produced += 1
    if (produced === 1) say('accepted')
    if (kind === 'cancelled' && (await handle.cancel({ reason: 'chaos' })))
      journal.write('C', handle.id)
  }
  const limit = mode === 'close' ? 24 : MAX_ROOTS
  while (produced < limit) {
    await Promise.all([enqueueOne(), enqueueOne(), enqueueOne()])
    await turn()
  }
  if (mode !== 'close') return
  say('closing')
  await executor.close({ grace: 5 })
  process.exit(0)
}

/** Finishes all that is left, and writes what became of every record. */
async function drain(last: Executor): Promise<void> {
  await last.start()
  for (;;) {
    await last.drain({ timeout: '30s' })
    const { scheduled, pending, running, retrying: waiting } = await last.counts()
    if (scheduled + pending + running + waiting === 0) break
    await sleep(10)
  }
  const lines: string[] = []
  let cursor: string | undefined
  do {
    const page = await last.list({
      limit: 200,
      order: 'oldest',
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const { id, name, status, reason, recoveries, idempotencyKey } of page.records)
      lines.push(JSON.stringify({ id, name, status, reason, recoveries, idempotencyKey }))
    cursor = page.cursor
  } while (cursor !== undefined)
  await last.close()
  writeFileSync(join(directory, 'records.jsonl'), lines.join('\n'))
  say('drained')
  process.exit(0)
}
