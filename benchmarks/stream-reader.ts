/** Counts the events in a stream, in a thread: the garbage of that is nobody's who is measured. */

import { parentPort, workerData } from 'node:worker_threads'
import { readEvents } from '../src/redis.ts'

const { url, stream } = workerData as { readonly url: string; readonly stream: string }

/** Told how many to expect; answers how many there were, or what else was there. */
parentPort?.on('message', (expected: number) => {
  void count(expected).then((answer) => parentPort?.postMessage(answer))
})

async function count(expected: number): Promise<number | string> {
  let events = 0
  for await (const item of readEvents({ client: url, stream, from: 'start', minLevel: 'debug' })) {
    // Those of the round before, which are gone.
    if (item.type === 'gap' && item.reason === 'trimmed' && events === 0) continue
    if (item.type !== 'event') return `a ${item.type} in the stream`
    // Those of the executor come once, not in each round.
    if ('taskId' in item.event) events += 1
    if (events === expected) break
  }
  return events
}
