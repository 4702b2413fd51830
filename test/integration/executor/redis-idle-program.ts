/** Runs a task on Redis, and then waits for nothing, without a close. */

import { createExecutor, defineTask } from '../../../src/index.ts'
import { redisBackend } from '../../../src/redis.ts'

const [client = '', prefix] = process.argv.slice(2)
const task = defineTask({ name: 'once', run: () => 1 })
const backend = redisBackend({ client, prefix, durability: 'ignore' })
const executor = createExecutor({ tasks: [task], observers: [], backend })
const handle = await executor.enqueue(task)
await handle.result()
process.stdout.write('done\n')
