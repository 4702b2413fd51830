/** Runs tasks, so that 600 spans and 600 log records are queued, and ends in the way that `mode` says. */

import { NodeSDK } from '@opentelemetry/sdk-node'
import { createExecutor, defineTask } from '../../../src/index.ts'
import { startTelemetry, type Telemetry } from '../../../src/otel-start.ts'
import { otelObserver } from '../../../src/otel.ts'

const TASKS = 300
const [mode = '', endpoint = '', ...settings] = process.argv.slice(2)
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpoint
// What is queued stays queued until it is asked for.
process.env['OTEL_BSP_SCHEDULE_DELAY'] = '600000'
process.env['OTEL_BLRP_SCHEDULE_DELAY'] = '600000'
for (const each of settings) {
  const [name = '', value = ''] = each.split('=')
  process.env[name] = value
}
const say = (word: string, what: object = {}): void =>
  void process.stdout.write(`${word} ${JSON.stringify(what)}\n`)
const report = async (end: ReturnType<Telemetry['flush']>): Promise<void> => {
  const startedAt = performance.now()
  const { ok, errors } = await end
  say('end', { ok, errors: errors.map(String), ms: performance.now() - startedAt })
}

const task = defineTask({ name: 'job', run: () => 1 })
const executor = createExecutor({ tasks: [task], observers: [otelObserver()], concurrency: 100 })
const runAll = async (): Promise<void> => {
  for (let index = 0; index < TASKS; index++) await executor.enqueue(task)
  await executor.drain()
}

if (mode === 'late') await runAll()
const earlier = mode === 'second' ? new NodeSDK({ serviceName: 'earlier' }) : undefined
earlier?.start()
const telemetry = await startTelemetry({ serviceName: 'exit', deadline: '4s' })
say('started', { started: telemetry.started })
await runAll()

if (mode === 'revived') {
  // The end was near, and then there is more to do: as when a record comes due in the store.
  process.once('beforeExit', () => {
    setTimeout(() => void runAll().then(() => executor.close()), 100)
  })
} else if (mode === 'sigterm') {
  process.once('SIGTERM', () => {
    void (async () => {
      await executor.close()
      await report(telemetry.shutdown())
      process.exit(0)
    })()
  })
  setInterval(() => {}, 60_000)
  say('queued')
} else {
  await executor.close()
  if (mode === 'flush') await report(telemetry.flush())
  if (mode === 'concurrent') {
    const flushes = [telemetry.flush(), telemetry.flush()]
    const end = telemetry.shutdown()
    flushes.push(telemetry.flush())
    await report(end)
    say('flushes', await Promise.all(flushes))
  }
  if (mode === 'shutdown' || mode === 'late') await report(telemetry.shutdown())
  if (mode === 'second') {
    await report(telemetry.shutdown())
    await earlier?.shutdown()
  }
}
