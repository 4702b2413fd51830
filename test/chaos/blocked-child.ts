/**
 * A worker whose tasks block its event loop for three leases of a fast clock. Takes `victim` or `other`, the directory,
 * the clock's factor and epoch, `locks` or `leases` (its lock file is removed), and how many tasks.
 *
 * The victim enqueues and starts all tasks, says `blocking`, blocks, says `awake`, and lets every body end: half at once,
 * half when their signal aborts. Lines: `ran ID`, `aborted ID REASON`, `refused ID REASON`, `ended ID STATUS`.
 */

import { rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { lockPath } from '../../src/backends/sqlite/owner-lock.ts'
import { LEASE_MS } from '../../src/executor/lease.ts'
import {
  createExecutor,
  defineTask,
  setFallbackLogger,
  TaskInterruptedError,
} from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { fastClock } from '../support/fast-clock.ts'

const [role = '', directory = '', factor = '1', epochMs = '0', judgedBy = 'locks', count = '0'] =
  process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
process.stdin.on('close', () => process.exit(3)).resume()

const clock = fastClock(Number(factor), Number(epochMs))
const BLOCK_LEASES = 3
let wake = (): void => {}
const awake = new Promise<void>((resolve) => {
  wake = resolve
})

const task = defineTask({
  name: 'task',
  retries: 1,
  async run({ index }: { readonly index: number }, { taskId, signal }) {
    say(`ran ${taskId}`)
    if (role === 'other') return role
    await awake
    // Without a lock its record is elsewhere by now: half of the bodies end before the executor hears of it.
    if (index % 2 === 0 || judgedBy === 'locks') return role
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    const reason: unknown = signal.reason
    say(`aborted ${taskId} ${reason instanceof TaskInterruptedError ? reason.reason : 'unknown'}`)
    return role
  },
})

setFallbackLogger({ error() {} })
const path = join(directory, 'tasks.db')
const executor = createExecutor({
  tasks: [task],
  backend: sqliteBackend(path),
  observers: [],
  concurrency: 1_000,
  clock,
})
executor.events.on('attempt.discarded', ({ taskId, reason }) => say(`refused ${taskId} ${reason}`))
executor.events.on('task.succeeded', ({ taskId }) => say(`ended ${taskId} succeeded`))
executor.events.on('task.failed', ({ taskId }) => say(`ended ${taskId} failed`))
await executor.start()
if (judgedBy === 'leases') rmSync(lockPath(path, executor.id), { force: true })
say('ready')
if (role === 'victim') {
  await executor.enqueueMany(
    Array.from({ length: Number(count) }, (_, index) => ({ task, input: { index } })),
  )
  await waitFor(() => executor.stats().running === Number(count))
  say('blocking')
  const until = clock.monotonic() + BLOCK_LEASES * LEASE_MS
  while (clock.monotonic() < until);
  say('awake')
  wake()
}
