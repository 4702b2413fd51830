/** A worker that runs tasks and writes their events to a stream: `kind place count`. Ends by itself, or is killed. */

import { createExecutor, defineTask, taskLog } from '../../../src/index.ts'
import { redisStreamObserver } from '../../../src/redis.ts'
import { sqliteStreamObserver } from '../../../src/sqlite.ts'

const [kind, place = '', stream = '', count = '0'] = process.argv.slice(2)
const task = defineTask({
  name: 'count',
  run: (number: number) => taskLog(`task ${number}`),
})
const executor = createExecutor({
  id: `worker-${process.pid}`,
  tasks: [task],
  observers: [
    kind === 'redis'
      ? redisStreamObserver({ client: place, stream, minLevel: 'debug' })
      : sqliteStreamObserver(place, { minLevel: 'debug' }),
  ],
})
for (let number = 0; number < Number(count); number++) {
  await (await executor.enqueue(task, number)).result()
}
await executor.close()
