/** One life of a shop: `web` takes a request, enqueues, and closes after the first failure; `worker` does the retry. */

import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { createExecutor, defineTask, taskLog } from '../../../src/index.ts'
import { startTelemetry } from '../../../src/otel-start.ts'
import { otelObserver } from '../../../src/otel.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'

const [role = '', path = '', endpoint = '', style = 'auto'] = process.argv.slice(2)
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpoint
const telemetry = await startTelemetry({ serviceName: `shop-${role}` })
const tracer = trace.getTracer('shop')

const sendEmail = defineTask({
  name: 'send-email',
  retries: 1,
  backoff: { delay: 300, jitter: 'none' },
  propagation: style as 'auto',
  tags: { plan: 'pro' },
  async run(_input: { readonly to: string }, { attempt }) {
    taskLog('rendering', { user: { id: 7, roles: ['a', 'b'] } })
    await tracer.startActiveSpan('render template', async (span) => {
      await Promise.resolve()
      taskLog.debug('in child span')
      span.end()
    })
    if (attempt === 0) throw new TypeError('smtp down')
    return 'sent'
  },
})

const executor = createExecutor({
  tasks: [sendEmail],
  backend: sqliteBackend(path),
  observers: [otelObserver({ minLevel: 'debug' })],
})
const until = (type: 'task.retrying' | 'task.succeeded'): Promise<void> =>
  new Promise((resolve) => void executor.events.once(type, () => resolve()))

if (role === 'web') {
  const headers = {
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    tracestate: 'vendor=1',
    baggage: 'tenant=acme',
  }
  const retrying = until('task.retrying')
  const incoming = propagation.extract(ROOT_CONTEXT, headers)
  const server = tracer.startSpan('POST /signup', { kind: SpanKind.SERVER }, incoming)
  const handle = await context.with(trace.setSpan(incoming, server), () =>
    executor.enqueue(sendEmail, { to: 'ada@example.org' }),
  )
  server.end()
  await retrying
  const record = await handle.record()
  process.stdout.write(`carrier ${JSON.stringify(record?.traceContext)}\n`)
} else {
  // What waits in the store keeps no process alive: a server would.
  const server = setInterval(() => {}, 60_000)
  const succeeded = until('task.succeeded')
  await executor.start()
  await succeeded
  clearInterval(server)
}
await executor.close()
const { ok, errors } = await telemetry.shutdown()
process.stdout.write(`end ${JSON.stringify({ ok, errors: errors.map(String) })}\n`)
