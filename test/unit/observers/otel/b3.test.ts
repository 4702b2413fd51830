import { context, propagation } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3'
import { afterEach, describe, expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { otelObserver } from '../../../../src/otel.ts'
import { memorySdk } from '../../../support/otel-sdk.ts'

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
afterEach(() => propagation.disable())

describe('5 propagators', () => {
  it.each([
    ['one header', B3InjectEncoding.SINGLE_HEADER, ['b3']],
    [
      'several headers',
      B3InjectEncoding.MULTI_HEADER,
      ['x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid'],
    ],
  ])('B3 in %s carries the trace, and the links', async (_what, injectEncoding, keys) => {
    propagation.setGlobalPropagator(new B3Propagator({ injectEncoding }))
    const sdk = memorySdk()
    let runs = 0
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run() {
        if (runs++ === 0) throw new Error('once')
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [otelObserver(sdk.providers)] })
    const handle = await executor.enqueue(task)
    await handle.result()
    const record = await handle.record()
    expect(Object.keys(record?.traceContext ?? {}).toSorted()).toEqual(keys)
    expect(record?.traceId).toMatch(/^[0-9a-f]{32}$/)
    await executor.close()
    const spans = await sdk.spans()
    const enqueue = spans.find((span) => span.name === 'enqueue job')
    const [first, second] = spans.filter((span) => span.name === 'process job')
    expect(first?.parentSpanContext?.spanId).toBe(enqueue?.spanContext().spanId)
    expect(second?.links.map((link) => link.context.spanId)).toEqual([
      enqueue?.spanContext().spanId,
      first?.spanContext().spanId,
    ])
  })
})
