/**
 * The process that ends: `node exit-child.ts OBSERVER END TASKS DIRECTORY`. It runs tasks, whose events go to the observer
 * and, by a synchronous write each, to the journal; near the end of the tasks it ends in the way that it is told.
 */

import { openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { consoleObserver } from '../../src/console.ts'
import { fileObserver } from '../../src/file.ts'
import { createExecutor, defineTask, type Observer } from '../../src/index.ts'
import { pinoObserver } from '../../src/pino.ts'

const [observerName = '', end = '', tasks = '10', directory = ''] = process.argv.slice(2)
const count = Number(tasks)
/** Some are still waiting then, and some of the last turn's lines are not written. */
const endsAt = Math.floor(count * 0.97)

/** Lines `SEQ TURN`: the event was handed out, in that turn of the event loop. */
function journal(): Observer {
  const file = openSync(join(directory, 'journal'), 'a')
  let turn = 0
  let isScheduled = false
  return {
    name: 'journal',
    minLevel: 'debug',
    onEvent({ seq }) {
      writeSync(file, `${seq} ${turn}\n`)
      if (isScheduled) return
      isScheduled = true
      setImmediate(() => {
        isScheduled = false
        turn += 1
      })
    },
  }
}

function observerOf(name: string): Observer {
  switch (name) {
    case 'console':
      return consoleObserver({ minLevel: 'debug', format: 'json' })
    case 'pino':
      return pinoObserver(pino({ level: 'debug' }, pino.destination({ dest: 1, sync: true })), {
        minLevel: 'debug',
      })
    case 'file':
      // Rotated several times on the way.
      return fileObserver(join(directory, 'log'), {
        minLevel: 'debug',
        maxBytes: 1_000_000,
        keep: 100,
      })
    default:
      throw new Error(`no observer "${name}"`)
  }
}

let begun = 0
const step = defineTask({
  name: 'step',
  async run() {
    begun += 1
    if (begun === endsAt) endNow()
    // Signals arrive between turns: there have to be some.
    if (begun % 20 === 0) await turn()
  },
})
// The journal comes second: its turn is over when the observer has written that of its own.
const executor = createExecutor({
  tasks: [step],
  observers: [observerOf(observerName), journal()],
  handleSignals: { grace: '1s' },
})

function endNow(): void {
  switch (end) {
    case 'exit':
      process.exit(3)
      break
    case 'throw':
      queueMicrotask(() => {
        throw new Error('on purpose')
      })
      break
    case 'SIGTERM':
    case 'SIGKILL':
      process.kill(process.pid, end)
      break
    default:
  }
}

await executor.start()
const items = Array.from({ length: 100 }, () => ({ task: step }))
for (let enqueued = 0; enqueued < count; enqueued += items.length) {
  await executor.enqueueMany(items)
}
await executor.drain()
writeFileSync(join(directory, 'drained'), JSON.stringify(executor.stats().observers[0]))
// Otherwise the process ends by itself, with the executor open.
if (end === 'close') await executor.close()
