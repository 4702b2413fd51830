/** A shop: `POST /orders` answers at once, and a task tells the warehouse. One trace holds all of it. */

import { serve } from '@hono/node-server'
import { httpInstrumentationMiddleware } from '@hono/otel'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { Hono } from 'hono'
import { createExecutor, defineTask, taskLog } from 'plainsight'
import { otelObserver } from 'plainsight/otel'
import { startTelemetry } from 'plainsight/otel/start'

// Sends to localhost:4318, or where OTEL_EXPORTER_OTLP_ENDPOINT says. The instrumentation is for `fetch`.
const telemetry = await startTelemetry({
  serviceName: 'shop',
  instrumentations: [new UndiciInstrumentation()],
})

const tellWarehouse = defineTask({
  name: 'tell-warehouse',
  retries: 3,
  async run({ order, url }: { readonly order: number; readonly url: string }, { signal }) {
    taskLog('telling the warehouse', { order })
    const response = await fetch(url, { method: 'POST', signal })
    if (!response.ok) throw new Error(`the warehouse answered ${response.status}`)
    return response.text()
  },
})

const executor = createExecutor({
  tasks: [tellWarehouse],
  observers: [otelObserver({ minLevel: 'debug' })],
})

const app = new Hono()
app.use(httpInstrumentationMiddleware())
app.post('/orders/:order', async (context) => {
  const order = Number(context.req.param('order'))
  const url = new URL('/warehouse', context.req.url).href
  const { id } = await executor.enqueue(tellWarehouse, { order, url })
  return context.json({ id }, 202)
})
// Somebody else's service, in a real shop.
app.post('/warehouse', (context) => context.text('noted'))

const port = Number(process.env['PORT'] ?? 3000)
const server = serve({ fetch: app.fetch, port, hostname: 'localhost' }, (address) => {
  console.log(`listening on http://localhost:${address.port}`)
})

async function end(): Promise<void> {
  await executor.close()
  server.close()
  const { ok, errors } = await telemetry.shutdown()
  console.log(ok ? 'all telemetry was delivered' : errors)
  process.exit()
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end())
