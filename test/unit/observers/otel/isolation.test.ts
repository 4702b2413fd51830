import { context, trace, type Tracer } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  InvalidOptionsError,
  type Observer,
} from '../../../../src/index.ts'
import { otelObserver } from '../../../../src/otel.ts'
import { loadedWith } from '../../../package/import-rules.ts'
import { readSources } from '../../../package/source-files.ts'
import { memorySdk, registerContext } from '../../../support/otel-sdk.ts'

registerContext()

describe('1 API only', () => {
  const sources = readSources()

  it('plainsight/otel loads @opentelemetry/api and nothing else from outside', () => {
    const loaded = loadedWith('otel.ts', sources).filter((name) => !name.startsWith('node:'))
    expect(loaded).toEqual(['@opentelemetry/api'])
  })

  it('no other entry point loads anything of OpenTelemetry, and the core does not name it', () => {
    for (const door of ['index.ts', 'console.ts', 'pino.ts', 'sqlite.ts', 'testing.ts']) {
      const loaded = loadedWith(door, sources)
      expect(loaded.filter((name) => name.includes('opentelemetry'))).toEqual([])
    }
    const naming = [...sources].filter(
      ([path, text]) => !/^(observers\/)?otel/.test(path) && text.includes('@opentelemetry'),
    )
    expect(naming.map(([path]) => path)).toEqual([])
  })

  it('without an SDK tasks run as ever, no carrier is stored, and nothing is reported', async () => {
    const task = defineTask({ name: 'job', run: () => 1 })
    const executor = createExecutor({ tasks: [task], observers: [otelObserver()] })
    const faults: unknown[] = []
    executor.events.on('observer.error', (event) => faults.push(event))
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toBe(1)
    expect((await handle.record())?.traceContext).toBeUndefined()
    await executor.close()
    expect(faults).toEqual([])
  })
})

describe('9 isolation', () => {
  const broken = (): never => {
    throw new Error('the SDK is broken')
  }
  const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }
  const span = trace.wrapSpanContext({ ...ids, traceFlags: 1 })

  it.each<readonly [string, Partial<Tracer>]>([
    ['that cannot begin a span', { startSpan: broken }],
    ['whose spans throw at everything', { startSpan: () => new Proxy(span, { get: broken }) }],
    [
      'whose spans cannot end',
      { startSpan: () => Object.assign(Object.create(span) as typeof span, { end: broken }) },
    ],
    ['that gives no span', { startSpan: () => undefined as never }],
  ])('a tracer %s changes no outcome, and is counted and reported', async (_what, tracer) => {
    const sdk = memorySdk()
    const observer = otelObserver({
      ...sdk.providers,
      tracerProvider: { getTracer: () => tracer as Tracer },
    })
    let runs = 0
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run() {
        if (runs++ === 0) throw new Error('once')
        return 'done'
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [observer] })
    const faults: unknown[] = []
    executor.events.on('observer.error', (event) => faults.push(event.error.message))
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toBe('done')
    expect(runs).toBe(2)
    await executor.close()
    expect(faults.length).toBeGreaterThan(0)
    const points = (await sdk.points()).filter((each) => each.name === 'plainsight.observer.errors')
    expect(new Set(points.map((each) => each.attributes['plainsight.observer.hook']))).toEqual(
      new Set(['wrapEnqueue', 'wrapRun']),
    )
  })

  it.each(['loggerProvider', 'meterProvider'] as const)(
    'a %s that throws changes no outcome',
    async (name) => {
      const sdk = memorySdk()
      const method = name === 'loggerProvider' ? 'getLogger' : 'getMeter'
      const observer = otelObserver({ ...sdk.providers, [name]: { [method]: broken } })
      const task = defineTask({ name: 'job', run: () => 'done' })
      const executor = createExecutor({ tasks: [task], observers: [observer] })
      expect(await (await executor.enqueue(task)).result()).toBe('done')
      await executor.close()
    },
  )

  const misbehaving: readonly (readonly [string, NonNullable<Observer['wrapRun']>])[] = [
    ['throws before next', () => Promise.reject(new Error('before'))],
    ['throws after next', (_run, next) => next().then(broken)],
    ['forgets next', () => Promise.resolve(undefined as never)],
    ['calls next twice', (_run, next) => next().then(() => next())],
    ['replaces the result', (_run, next) => next().then(() => ({}) as never)],
    ['answers nothing', (_run, next) => void next() as never],
    ['answers before it is over', (_run, next) => (void next(), Promise.resolve({} as never))],
    ['throws synchronously', broken],
    ['throws synchronously after next', (_run, next) => (void next(), broken())],
    ['never settles', (_run, next) => (void next(), new Promise(() => {}))],
  ]

  it.each(misbehaving)(
    'a hook beside ours that %s leaves the outcome and our spans as they are',
    async (_what, wrapRun) => {
      for (const order of ['before', 'after']) {
        const sdk = memorySdk()
        const ours = otelObserver(sdk.providers)
        const other: Observer = { name: 'other', wrapRun }
        const observers = order === 'before' ? [other, ours] : [ours, other]
        let active: string | undefined
        const task = defineTask({
          name: 'job',
          run() {
            active = trace.getSpanContext(context.active())?.spanId
            return 'done'
          },
        })
        const executor = createExecutor({ tasks: [task], observers })
        expect(await (await executor.enqueue(task)).result()).toBe('done')
        await executor.close()
        const spans = (await sdk.spans()).filter((each) => each.name === 'process job')
        expect(spans.map((each) => each.attributes['plainsight.task.outcome'])).toEqual([
          'succeeded',
        ])
        expect(active).toBe(spans[0]?.spanContext().spanId)
      }
    },
  )
})

describe('options', () => {
  it.each([
    [{ propagation: 'sideways' }, 'propagation'],
    [{ childWithin: 'soon' }, 'childWithin'],
    [{ spanStatus: 'first' }, 'spanStatus'],
    [{ spanNaming: 'id' }, 'spanNaming'],
    [{ retriedExceptionSeverity: 'loud' }, 'retriedExceptionSeverity'],
    [{ tagAttributes: { tenant: 'messaging.system' } }, 'tagAttributes["tenant"]'],
    [{ tagAttributes: { tenant: '' } }, 'tagAttributes["tenant"]'],
    [{ tagAttributes: ['tenant'] }, 'tagAttributes'],
    [{ metricTags: 'plan' }, 'metricTags'],
    [{ metricTags: Array.from({ length: 9 }, String) }, 'metricTags'],
    [{ logTags: 1 }, 'logTags'],
    [{ flattenExtras: 'yes' }, 'flattenExtras'],
    [{ persistBaggage: null }, 'persistBaggage'],
    [{ createSpans: 1 }, 'createSpans'],
    [{ tracerProvider: {} }, 'tracerProvider'],
    [{ loggerProvider: null }, 'loggerProvider'],
    [{ meterProvider: 5 }, 'meterProvider'],
    [{ minLevel: 'trace' }, 'minLevel'],
    [{ sampler: 1 }, 'sampler'],
  ])('%o is refused, by the name of the option', (options, option) => {
    let error: unknown
    try {
      otelObserver(options as never)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect((error as InvalidOptionsError).option).toBe(option)
    expect((error as InvalidOptionsError).message).toMatch(/otelObserver|retriedExceptionSeverity/)
  })

  it('a wrong propagation of a task is refused where it is given', () => {
    const define = (): unknown =>
      defineTask({ name: 'job', propagation: 'sideways' as 'link', run: () => 1 })
    expect(define).toThrow('option "propagation" must be "auto", "child", "link" or "none"')
  })
})
