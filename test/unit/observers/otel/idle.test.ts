import { logs, metrics, propagation, trace } from '@opentelemetry/api'
import type { Tracer, TracerProvider } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createExecutor, defineTask } from '../../../../src/index.ts'
import { otelObserver } from '../../../../src/otel.ts'
import { waitFor } from '../../../../src/testing/wait-for.ts'
import { memorySdk } from '../../../support/otel-sdk.ts'

const task = defineTask({ name: 'job', run: () => 1 })

afterEach(() => {
  for (const each of [trace, logs, metrics, propagation]) each.disable()
})

describe('an observer with nobody to listen', () => {
  it('is idle: no event is built for it', async () => {
    const executor = createExecutor({ tasks: [task], observers: [otelObserver()] })
    await (await executor.enqueue(task)).result()
    expect(executor.stats().observers).toMatchObject([{ name: 'otel', emitted: 0 }])
    await executor.close()
  })

  const sdk = memorySdk()
  it.each([
    ['spans', () => void trace.setGlobalTracerProvider(sdk.tracerProvider)],
    ['log records', () => void logs.setGlobalLoggerProvider(sdk.loggerProvider)],
    ['metrics', () => void metrics.setGlobalMeterProvider(sdk.meterProvider)],
    ['propagation alone', () => propagation.setGlobalPropagator(new W3CTraceContextPropagator())],
  ])('is awake once there is something for %s', (_what, register) => {
    const { isIdle } = otelObserver()
    expect(isIdle?.()).toBe(true)
    register()
    expect(isIdle?.()).toBe(false)
  })

  it.each(['tracerProvider', 'loggerProvider', 'meterProvider'] as const)(
    'is awake with a %s of its own',
    (provider) => {
      expect(otelObserver({ [provider]: sdk[provider] }).isIdle?.()).toBe(false)
    },
  )

  it('is awake for a provider that looks like the one that does nothing', () => {
    class Own implements TracerProvider {
      getTracer(): Tracer {
        return sdk.tracerProvider.getTracer('own')
      }
    }
    trace.setGlobalTracerProvider(new Own())
    expect(otelObserver().isIdle?.()).toBe(false)
  })

  it('awakes with an executor that has nothing to do', async () => {
    const own = memorySdk()
    const executor = createExecutor({ tasks: [task], observers: [otelObserver()] })
    await executor.start()
    metrics.setGlobalMeterProvider(own.meterProvider)
    await waitFor(async () => (await own.points()).length > 0)
    await executor.close()
  })

  it('shows what an executor has in memory as soon as it awakes', async () => {
    const own = memorySdk()
    const executor = createExecutor({ tasks: [task], observers: [otelObserver()], concurrency: 7 })
    await executor.start()
    metrics.setGlobalMeterProvider(own.meterProvider)
    await (await executor.enqueue(task)).result()
    const points = await own.points()
    expect(points.find((each) => each.name === 'plainsight.worker.limit')?.value).toBe(7)
    await executor.close()
  })
})
