/** One life of a worker whose task never ends by itself in its first attempt; it is killed, or closes. */

import { createExecutor, defineTask, taskLog } from '../../../src/index.ts'
import { startTelemetry } from '../../../src/otel-start.ts'
import { otelObserver } from '../../../src/otel.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'

const [role = '', path = '', endpoint = ''] = process.argv.slice(2)
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpoint
// What is known before a kill should have left by then.
process.env['OTEL_BSP_SCHEDULE_DELAY'] = '50'
process.env['OTEL_BLRP_SCHEDULE_DELAY'] = '50'
const telemetry = await startTelemetry({ serviceName: role })

const task = defineTask({
  name: 'job',
  requeueOnInterrupt: true,
  run(_input: undefined, { attempt, signal }) {
    taskLog(`attempt ${attempt}`)
    if (attempt > 0) return undefined
    return new Promise<void>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  },
})
const executor = createExecutor({
  tasks: [task],
  backend: sqliteBackend(path),
  observers: [otelObserver()],
})
const succeeded = new Promise<void>((resolve) => {
  executor.events.once('task.succeeded', () => resolve())
})
await executor.start()
if (role === 'first') {
  const handle = await executor.enqueue(task)
  await handle.started
  process.stdout.write('running\n')
  process.stdin.once('data', () => {
    void (async () => {
      await executor.close({ grace: 0 })
      await telemetry.shutdown()
      process.exit(0)
    })()
  })
} else {
  // What waits in the store keeps no process alive: a server would.
  const server = setInterval(() => {}, 60_000)
  await succeeded
  clearInterval(server)
  await executor.close()
  await telemetry.shutdown()
}
