/**
 * A process that writes numbered events to a file, and ends in the way that it is told:
 * `node file-writer.ts PATH END COUNT PER_TURN MAX_BYTES WRITER`. Says `written N` once turn N/PER_TURN is over.
 */

import { fileObserver } from '../../../src/file.ts'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

const [
  path = '',
  end = 'natural',
  count = '10',
  perTurn = '100',
  maxBytes = '1000000',
  writer = 'w',
] = process.argv.slice(2)
const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent
const observer = fileObserver(path, { maxBytes: Number(maxBytes), keep: 1_000 })

process.on('SIGTERM', () => {
  void observer.close().then(() => {
    process.exitCode = 5
    clearInterval(staying)
  })
})
const staying = setInterval(() => {}, end === 'stay' ? 1_000 : 2 ** 30).unref()

for (let seq = 1; seq <= Number(count); seq++) {
  observer.onEvent({ ...log, seq, executorId: writer })
  if (seq % Number(perTurn) !== 0) continue
  await new Promise((resolve) => void setImmediate(resolve))
  if (end === 'say') process.stdout.write(`written ${seq}\n`)
}
switch (end) {
  case 'exit':
    process.exit(3)
    break
  case 'throw':
    throw new Error('uncaught')
  case 'stay':
    staying.ref()
    process.stdout.write('ready\n')
    break
  default:
}
