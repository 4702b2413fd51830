/**
 * A process that is brought into a state and then stopped. Takes STATE, the directory and the grace in milliseconds.
 *
 * It says `ready` when it is in that state. `close` on stdin closes its executors; `closed MS` says how long each took.
 * It ends by itself when nothing is left to do: nothing here may call `process.exit`.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { createExecutor, setFallbackLogger, type Executor, type Observer } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { stopTasks } from './stop-tasks.ts'

const [state = '', directory = '', graceMs = '0'] = process.argv.slice(2)
const grace = Number(graceMs)
const say = (line: string): void => void writeSync(1, `${line}\n`)
const exit = process.exit.bind(process)
process.exit = () => {
  say('EXIT')
  return exit(7)
}

setFallbackLogger({ error() {} })
const path = join(directory, 'tasks.db')
const tasks = stopTasks()
const hung: Observer = { name: 'hung', onEvent() {}, close: () => new Promise(() => {}) }
/** Connections that stay open. */
const held: DatabaseSync[] = []
const count = state === 'several' ? 3 : 1
const executors = Array.from({ length: count }, () =>
  createExecutor({
    tasks: Object.values(tasks),
    backend: sqliteBackend(path),
    observers: state === 'hung observer' ? [hung] : [],
    concurrency: 4,
    shieldGrace: grace,
    handleSignals: { grace },
  }),
)

const input = createInterface({ input: process.stdin })
input.on('line', () => {
  input.close()
  process.stdin.unref?.()
  for (const executor of executors) void close(executor)
})

for (const executor of executors) await executor.start()
await prepare(executors[0] as Executor)
say('ready')

async function close(executor: Executor): Promise<void> {
  const startedAt = performance.now()
  await executor.close({ grace })
  say(`closed ${Math.round(performance.now() - startedAt)}`)
}

async function prepare(executor: Executor): Promise<void> {
  const running = (atLeast: number) => waitFor(() => executor.stats().running >= atLeast)
  switch (state) {
    case 'idle':
    case 'hung observer':
      return
    case 'running':
      for (let index = 0; index < 3; index++) await executor.enqueue(tasks.obedient)
      return void (await running(3))
    case 'stubborn':
      for (let index = 0; index < 3; index++) await executor.enqueue(tasks.stubborn)
      return void (await running(3))
    case 'failing':
      for (let index = 0; index < 3; index++)
        await executor.enqueue(tasks.failing, { afterMs: grace / 2 })
      return void (await running(3))
    case 'retry wait': {
      const handle = await executor.enqueue(tasks.retrying)
      return void (await waitFor(async () => (await handle.record())?.status === 'retrying'))
    }
    case 'scheduled':
      for (let index = 0; index < 3; index++)
        await executor.enqueue(tasks.obedient, undefined, { delay: '1h' })
      return
    case 'waiting':
      for (let index = 0; index < 4; index++) await executor.enqueue(tasks.obedient)
      await executor.enqueueMany(
        Array.from({ length: 200 }, () => ({ task: tasks.waiting, input: undefined })),
      )
      return void (await running(4))
    case 'several':
      for (const each of executors) {
        await each.enqueue(tasks.obedient)
        await waitFor(() => each.stats().running >= 1)
      }
      return
    case 'store away': {
      for (let index = 0; index < 3; index++) await executor.enqueue(tasks.obedient)
      await running(3)
      // The write lock, for as long as this process lives.
      const other = new DatabaseSync(path)
      other.exec('PRAGMA busy_timeout = 2000')
      other.exec('BEGIN IMMEDIATE')
      held.push(other)
      return
    }
    default:
      throw new Error(`no state "${state}"`)
  }
}
