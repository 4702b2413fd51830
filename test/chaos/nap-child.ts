/**
 * A worker whose tasks sleep until they are told to stop: `ran ID AT` for each body that begins. Takes the
 * store, how many to enqueue, and `locks` or `leases` (its lock file is removed).
 */

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../src/index.ts'
import { openStore, removeLock } from './open-store.ts'

const [place = '', count = '0', judgedBy = 'locks'] = process.argv.slice(2)
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
const executor = createExecutor({
  tasks: [nap],
  backend: await openStore(place),
  observers: [],
})
await executor.start()
if (judgedBy === 'leases') await removeLock(place, executor.id)
for (let index = 0; index < Number(count); index++) await executor.enqueue(nap)
say('ready')
