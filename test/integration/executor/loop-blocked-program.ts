/** Runs a task that waits, burns nothing, and says which blocks its executor saw. Meant to be stopped and continued. */

import { setTimeout as sleep } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../../src/index.ts'

const blocks: number[] = []
const waits = defineTask({
  name: 'waits',
  async run() {
    process.stdout.write('ready\n')
    for (let turn = 0; turn < 30; turn++) await sleep(50)
  },
})
const spins = defineTask({
  name: 'spins',
  run() {
    process.stdout.write('spinning\n')
    // Stopped in the middle of this: a second passes in which nobody does anything.
    const until = performance.now() + 1_200
    while (performance.now() < until)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  },
})
const executor = createExecutor({ tasks: [waits, spins], observers: [] })
executor.events.on('executor.loop_blocked', (event) => blocks.push(event.blockedMs))
await (await executor.enqueue(waits)).result()
await (await executor.enqueue(spins)).result()
await sleep(300)
await executor.close()
process.stdout.write(`blocks ${JSON.stringify(blocks)}\n`)
