/**
 * A shop in several processes on one store. `web` serves `POST /signup`, which enqueues, and ends when told to. A `worker`
 * in its first life fails one task and is in the middle of another when it says so; in its second it finishes both.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { createExecutor, defineTask, taskLog } from '../../src/index.ts'
import { startTelemetry } from '../../src/otel-start.ts'
import { otelObserver } from '../../src/otel.ts'
import { sqliteBackend } from '../../src/sqlite.ts'

const [role = '', path = '', endpoint = '', instance = ''] = process.argv.slice(2)
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpoint
process.env['OTEL_RESOURCE_ATTRIBUTES'] = `service.instance.id=${instance}`
const telemetry = await startTelemetry({ serviceName: `shop-${role}`, deadline: '20s' })
const tracer = trace.getTracer('shop')
const isFirstLife = instance === 'worker-1'

let announceBuilding = (): void => {}
const building = new Promise<void>((resolve) => {
  announceBuilding = resolve
})
const buildInvoice = defineTask({
  name: 'build-invoice',
  requeueOnInterrupt: true,
  async run({ order }: { readonly order: number }) {
    taskLog('building', { order })
    announceBuilding()
    // Until the kill.
    if (isFirstLife) await new Promise(() => {})
    return 'invoice.pdf'
  },
})

const sendEmail = defineTask({
  name: 'send-email',
  retries: 1,
  // Long enough for the first life to deliver what it has meanwhile, however slow the machine.
  backoff: { delay: '4s', jitter: 'none' },
  tags: { plan: 'pro' },
  async run(_input: { readonly to: string }, { attempt }) {
    taskLog.warning('rendering', { user: { id: 7, roles: ['a', 'b'] } })
    await tracer.startActiveSpan('render template', async (span) => {
      await building
      taskLog.debug('in child span')
      span.end()
    })
    if (attempt === 0) throw new TypeError('smtp down')
    return 'sent'
  },
})

const executor = createExecutor({
  tasks: role === 'web' ? [] : [buildInvoice, sendEmail],
  work: role !== 'web',
  backend: sqliteBackend(path),
  observers: [otelObserver({ minLevel: 'debug' })],
})

if (role === 'web') await serve()
else await work()
await executor.close()
const { ok, errors } = await telemetry.shutdown()
process.stdout.write(`end ${JSON.stringify({ ok, errors: errors.map(String) })}\n`)

async function serve(): Promise<void> {
  const server = createServer((request, response) => {
    const incoming = propagation.extract(ROOT_CONTEXT, request.headers)
    const span = tracer.startSpan('POST /signup', { kind: SpanKind.SERVER }, incoming)
    void context.with(trace.setSpan(incoming, span), async () => {
      await executor.enqueue(buildInvoice, { order: 42 })
      await executor.enqueue(sendEmail, { to: 'ada@example.com' })
      response.writeHead(202).end()
      span.end()
    })
  })
  await executor.start()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`)
  await new Promise((resolve) => void process.stdin.once('data', resolve))
  process.stdin.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => void server.close(resolve))
}

async function work(): Promise<void> {
  const retrying = new Promise<void>((resolve) => {
    executor.events.once('task.retrying', () => {
      // So that the retry is left to the next life.
      executor.pause()
      resolve()
    })
  })
  const succeeded = new Promise<void>((resolve) => {
    let count = 0
    executor.events.on('task.succeeded', () => {
      count += 1
      if (count === 2) resolve()
    })
  })
  await executor.start()
  // A worker that waits for work is kept alive by its program.
  const alive = setInterval(() => {}, 60_000)
  if (!isFirstLife) return succeeded.then(() => clearInterval(alive))
  await Promise.all([retrying, building])
  const { ok } = await telemetry.flush()
  process.stdout.write(`middle ${ok}\n`)
  return new Promise(() => {})
}
