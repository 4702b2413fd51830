/** A worker of its own process for across-processes.test.ts: `KIND PLACE`. Says what it runs, and ends at `close`. */

import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../../src/index.ts'
import { backendOf } from './across-stores.ts'

const [kind = '', place = ''] = process.argv.slice(2)
const say = (line: string): void => void writeSync(1, `${line}\n`)

const add = defineTask({
  name: 'add',
  run({ a, b }: { a: number; b: number }, { log }) {
    log.info('adding', { a, b })
    return a + b
  },
})
const wait = defineTask({
  name: 'wait',
  async run({ ms }: { ms: number }, { taskId, signal }) {
    say(`waiting ${taskId}`)
    try {
      await sleep(ms, undefined, { signal })
    } catch {
      say(`aborted ${taskId}`)
      throw signal.reason
    }
  },
})
const survive = defineTask({
  name: 'survive',
  retries: 1,
  async run(_input: undefined, { taskId, recoveries }) {
    say(`survive ${taskId} ${recoveries}`)
    // The first time it is killed here.
    if (recoveries === 0) await sleep(60_000)
    return `recovered ${recoveries}`
  },
})
const refuse = defineTask({
  name: 'refuse',
  run({ until }: { until: number }) {
    if (Date.now() < until) throw new Error('not yet')
    return 'now'
  },
})

const executor = createExecutor({
  tasks: [add, wait, survive, refuse],
  backend: backendOf(kind, place),
  observers: [],
})
executor.events.on('task.succeeded', ({ taskId, time }) => say(`succeeded ${taskId} ${time}`))
await executor.start()
say('started')
for await (const line of createInterface({ input: process.stdin })) if (line === 'close') break
await executor.close({ grace: 0 })
say('closed')
