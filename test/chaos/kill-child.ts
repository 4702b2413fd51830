/**
 * The process that is killed: an executor that enqueues and runs a mix of tasks, and writes the journal.
 *
 * It loads everything, says `loaded`, and waits on stdin for `go MODE SEED DIRECTORY DURABILITY [FACTOR EPOCH PLACE]`, so that the
 * parent can have the next one ready while this one runs. The store is a file in the directory unless a place is given. Then it says `opening`, and `accepted` after the first task.
 */

import { once } from 'node:events'
import { writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { flushCompileCache } from 'node:module'
import { createInterface } from 'node:readline'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/executor/system-clock.ts'
import { createExecutor, setFallbackLogger, type Executor } from '../../src/index.ts'
import { fastClock } from '../support/fast-clock.ts'
import { seededRandom } from '../support/random.ts'
import { openJournal, type Journal } from './journal.ts'
import { inputOf, JOURNALED_KINDS, journaledTasks } from './journaled-tasks.ts'
import { KILL_CONCURRENCY } from './kill-check.ts'
import { openStore } from './open-store.ts'

/** How many tasks one life enqueues at most: the rest of its time it only runs. */
const MAX_ROOTS = 240
const LIVE = ['scheduled', 'pending', 'running', 'retrying'] as const
const ENDS = ['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'] as const

const say = (line: string): void => void writeSync(1, `${line}\n`)

flushCompileCache()
say('loaded')
const input = createInterface({ input: process.stdin })
const [command] = (await once(input, 'line')) as [string]
const [
  ,
  mode = '',
  seed = '1',
  directory = '',
  durability = 'process',
  factor = '1',
  epochMs = '0',
  place = join(directory, 'tasks.db'),
] = command.split(' ')
// The parent is gone when its end of the pipe is: nobody would kill this process any more.
process.stdin.on('close', () => process.exit(3))
const random = seededRandom(Number(seed))
const journal: Journal = openJournal(join(directory, 'journal'))
journal.write('P', String(process.pid), mode)

const clock = factor === '1' ? systemClock : fastClock(Number(factor), Number(epochMs))
const tasks = journaledTasks(journal, clock)

// A body that outlives its attempt logs there; all else on stderr is a fault.
setFallbackLogger({ error() {} })
const executor = createExecutor({
  tasks: Object.values(tasks),
  backend: await openStore(place, durability as 'process' | 'power'),
  observers: [],
  concurrency: KILL_CONCURRENCY,
  retention: { maxCount: Infinity },
  clock,
})
for (const end of ENDS) {
  executor.events.on(`task.${end}`, ({ taskId }) => journal.write('D', taskId, end))
}

say('opening')
if (mode === 'drain') await drain(executor)
else await produce()

async function produce(): Promise<void> {
  let produced = 0
  const enqueueOne = async (): Promise<void> => {
    const kind = random.pick(JOURNALED_KINDS)
    // A third of the keys is asked for again, here or in a later life.
    const key = kind === 'keyed' ? `key-${random.below(600)}` : undefined
    const handle = await executor.enqueue(
      tasks[kind],
      inputOf(kind, random),
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
  // They run until somebody cancels them.
  const { records: longOnes } = await last.list({ name: 'long', status: [...LIVE], limit: 200 })
  for (const { id } of longOnes) {
    if (await last.cancel(id, { reason: 'chaos' })) journal.write('C', id)
  }
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
