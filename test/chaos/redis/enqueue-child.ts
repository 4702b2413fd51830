/**
 * Enqueues as fast as eight callers can, and writes the id of each task to a file when it is accepted: `URL FILE`. It says
 * `accepted` after the first, and is killed in the end.
 */

import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BackendUnavailableError,
  createExecutor,
  defineTask,
  setFallbackLogger,
} from '../../../src/index.ts'
import { openStore } from '../open-store.ts'

const CALLERS = 8

const [place = '', path = ''] = process.argv.slice(2)
process.stdin.on('close', () => process.exit(3)).resume()
setFallbackLogger({ error() {} })
const file = openSync(path, 'a')
const task = defineTask({ name: 'task', run() {} })
const executor = createExecutor({
  tasks: [task],
  backend: await openStore(place),
  observers: [],
  work: false,
  enqueueRetry: false,
})
await executor.start()
let isFirst = true
for (let caller = 0; caller < CALLERS; caller++) void call()

async function call(): Promise<void> {
  for (;;) {
    try {
      const { id } = await executor.enqueue(task)
      writeSync(file, `${id}\n`)
      if (isFirst) writeSync(1, 'accepted\n')
      isFirst = false
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error
      await sleep(10)
    }
  }
}
