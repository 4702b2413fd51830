/** Writes some events to a stream and does not close it: `url stream`. The process has to end by itself. */

import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import { logEvent } from '../../support/stream-events.ts'

const [client = '', stream = ''] = process.argv.slice(2)
const observer = redisStreamObserver({ client, stream })
observer.start()
const startedAt = performance.now()
process.on('exit', () => {
  console.log(`${Math.round(performance.now() - startedAt)} ${observer.counts().delivered}`)
})
for (let seq = 1; seq <= 10; seq++) observer.onEvent(logEvent(seq))
