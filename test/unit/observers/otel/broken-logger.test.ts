import { expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { otelObserver } from '../../../../src/otel.ts'
import { memorySdk, registerContext } from '../../../support/otel-sdk.ts'

registerContext()

it.each([
  ['getLogger', { getLogger: () => ({}) as never }],
  [
    'enabled',
    {
      getLogger: () => ({
        emit() {},
        enabled() {
          throw new Error('x')
        },
      }),
    },
  ],
])('a logger that fails at %s costs no span', async (_what, loggerProvider) => {
  const sdk = memorySdk()
  const { tracerProvider } = sdk
  const ok = defineTask({ name: 'ok', run: () => 1 })
  const executor = createExecutor({
    tasks: [ok],
    observers: [otelObserver({ tracerProvider, loggerProvider })],
  })
  const handle = await executor.enqueue(ok)
  expect(await handle.result()).toBe(1)
  await executor.close()
  expect((await sdk.spans()).map(({ name }) => name).toSorted()).toEqual([
    'enqueue ok',
    'process ok',
  ])
  await sdk.meterProvider.shutdown()
})
