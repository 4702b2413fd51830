/**
 * A process that writes numbered events to its console, and ends in the way that it is told:
 * `node console-writer.ts END COUNT PER_TURN MAX_QUEUED`. Says on stderr, as JSON, what its observer counted.
 */

import { consoleObserver } from '../../../src/console.ts'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

const [end = 'natural', count = '10', perTurn = '100', maxQueued = '10000'] = process.argv.slice(2)
const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent
const observer = consoleObserver({ maxQueued: Number(maxQueued) })

// Makes a pipe non-blocking, as any program that prints does: without it a lagging reader blocks the process.
process.stdout.on('error', () => undefined)
// After the observer's own listener, which is there from its first line on.
const sayCounts = (): void => {
  process.on('exit', () => process.stderr.write(`${JSON.stringify(observer.counts())}\n`))
}

for (let seq = 1; seq <= Number(count); seq++) {
  observer.onEvent({ ...log, seq })
  if (seq === 1) sayCounts()
  if (seq % Number(perTurn) === 0) await new Promise((resolve) => void setImmediate(resolve))
}
switch (end) {
  case 'exit':
    process.exit(3)
    break
  case 'throw':
    throw new Error('uncaught')
  case 'close':
    await observer.close()
    break
  case 'stay':
    setTimeout(() => process.stderr.write('still here\n'), 300)
    break
  case 'warn-and-kill':
    observer.onEvent({ ...log, level: 'warning', seq: Number(count) + 1 } as PlainsightEvent)
    process.kill(process.pid, 'SIGKILL')
    break
  default:
}
