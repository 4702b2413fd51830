/** A program under the instrumentations of pino and fetch, whose task logs one line and makes one request. */

import { register } from 'node:module'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PinoInstrumentation } from '@opentelemetry/instrumentation-pino'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'

// What the instrumentations document, although Node has a successor for it.
// eslint-disable-next-line typescript/no-deprecated
register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = process.argv[2]
const { startTelemetry } = await import('../../../src/otel-start.ts')
const telemetry = await startTelemetry({
  serviceName: 'instrumented',
  instrumentations: [new PinoInstrumentation(), new UndiciInstrumentation()],
})
// After the hook: what was imported before it cannot be patched.
const { pino } = await import('pino')
const { createExecutor, defineTask } = await import('../../../src/index.ts')
const { otelObserver } = await import('../../../src/otel.ts')
const { taskMixin } = await import('../../../src/pino.ts')

const server = createServer((_request, response) => void response.end('ok'))
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const logger = pino({ mixin: taskMixin() })
const task = defineTask({
  name: 'job',
  async run() {
    logger.info('hello')
    await (await fetch(`http://127.0.0.1:${port}/`)).text()
  },
})
const executor = createExecutor({ tasks: [task], observers: [otelObserver()] })
await (await executor.enqueue(task)).result()
await executor.close()
server.closeAllConnections()
server.close()
await telemetry.shutdown()
