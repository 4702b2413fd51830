/**
 * A worker on one file whose tasks sleep until they are told to stop: `ran ID AT` for each body that begins. Takes the
 * directory, how many to enqueue, and `locks` or `leases` (its lock file is removed).
 */

import { rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lockPath } from '../../src/backends/sqlite/owner-lock.ts'
import { createExecutor, defineTask } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'

const [directory = '', count = '0', judgedBy = 'locks'] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)
process.stdin.on('close', () => process.exit(3)).resume()

const nap = defineTask({
  name: 'nap',
  retries: 3,
  async run(_input: undefined, { taskId, signal }) {
    say(`ran ${taskId} ${Date.now()}`)
    await sleep(600_000, undefined, { signal })
  },
})
const path = join(directory, 'tasks.db')
const executor = createExecutor({ tasks: [nap], backend: sqliteBackend(path), observers: [] })
await executor.start()
if (judgedBy === 'leases') rmSync(lockPath(path, executor.id), { force: true })
for (let index = 0; index < Number(count); index++) await executor.enqueue(nap)
say('ready')
