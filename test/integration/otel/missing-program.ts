/** Imports what it is told to where no package of OpenTelemetry is installed, and says how that went. */

import { registerHooks } from 'node:module'

registerHooks({
  resolve(specifier, hookContext, next) {
    if (!specifier.startsWith('@opentelemetry/')) return next(specifier, hookContext)
    const error = new Error(`Cannot find package '${specifier}'`)
    throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' })
  },
})

const said = async (what: string, run: () => Promise<unknown>): Promise<void> => {
  const answer = await run().then(
    () => 'ok',
    (error: unknown) => String((error as Error).message),
  )
  process.stdout.write(`${what}: ${answer}\n`)
}
const core = await import('../../../src/index.ts')
const { taskMixin } = await import('../../../src/pino.ts')
const task = core.defineTask({ name: 'job', run: () => taskMixin()().taskName })
const executor = core.createExecutor({ tasks: [task] })
await said('core', async () => (await executor.enqueue(task)).result())
await executor.close()
await said('otel', () => import('../../../src/otel.ts'))
const { startTelemetry } = await import('../../../src/otel-start.ts')
await said('start', () => startTelemetry())
process.stdout.write('end\n')
