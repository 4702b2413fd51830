/**
 * The process that loses its power: enqueues batches of three, each after the end of the one before, and says how long the
 * write-ahead log was at each answer. Takes the database's path, the durability, and how many batches (0: until killed).
 *
 * Lines: `ready`; `A batch bytes` when a batch is accepted, `D batch bytes` when all of it has ended, `F code reason` when
 * enqueue rejected, `E operation code` for a `backend.error`, `W` when results were not there in time, `done`.
 */

import { statSync, writeSync } from 'node:fs'
import {
  BackendUnavailableError,
  createExecutor,
  defineTask,
  setFallbackLogger,
  ResultUnavailableError,
} from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'

const [path = '', durability = 'power', limit = '0'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
process.stdin.on('close', () => process.exit(3)).resume()

const work = defineTask({ name: 'work', run: (input: { text: string }) => input.text.length })
setFallbackLogger({ error() {} })
const executor = createExecutor({
  tasks: [work],
  backend: sqliteBackend(path, { durability: durability as 'power' | 'process' }),
  observers: [],
})
executor.events.on('backend.error', ({ operation, code }) => say(`E ${operation} ${code}`))
const walBytes = (): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0

try {
  await executor.start()
  say(`ready ${process.pid}`)
} catch (error) {
  report(error)
}
for (let batch = 0; limit === '0' || batch < Number(limit); batch++) {
  try {
    const text = 'x'.repeat((batch * 37) % 700)
    const handles = await executor.enqueueMany(
      [0, 1, 2].map((part) => ({
        task: work,
        input: { text },
        options: { id: `b-${batch}-${part}`, idempotencyKey: `key-${batch}-${part}` },
      })),
    )
    say(`A ${batch} ${walBytes()}`)
    await Promise.all(handles.map((handle) => handle.result({ timeout: '3s' })))
    say(`D ${batch} ${walBytes()}`)
  } catch (error) {
    report(error)
  }
}
say('done')
process.exit(0)

function report(error: unknown): void {
  if (error instanceof ResultUnavailableError) {
    say('W')
    return
  }
  if (!(error instanceof BackendUnavailableError)) throw error
  say(`F ${error.code} ${error.reason}`)
}
