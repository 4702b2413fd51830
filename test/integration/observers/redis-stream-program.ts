/** Writes some events to a stream and does not close it: `url stream [cluster]`. The process has to end by itself. */

import { Cluster } from 'ioredis'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import { logEvent } from '../../support/stream-events.ts'

const [url = '', stream = '', isCluster] = process.argv.slice(2)
const client = isCluster === undefined ? url : new Cluster([url], { lazyConnect: true })
const observer = redisStreamObserver({ client, stream })
observer.start()
const startedAt = performance.now()
process.on('exit', () => {
  console.log(`${Math.round(performance.now() - startedAt)} ${observer.counts().delivered}`)
})
for (let seq = 1; seq <= 10; seq++) observer.onEvent(logEvent(seq))
