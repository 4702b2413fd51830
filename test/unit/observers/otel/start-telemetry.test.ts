import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../../../src/index.ts'
import { startTelemetry } from '../../../../src/otel-start.ts'
import { watchExports } from '../../../../src/observers/otel/export-watch.ts'
import { hrTime } from '../../../../src/observers/otel/severity.ts'
import { memorySdk } from '../../../support/otel-sdk.ts'

describe('startTelemetry', () => {
  it.each([
    [{ serviceName: '' }, 'serviceName'],
    [{ serviceName: 5 }, 'serviceName'],
    [{ instrumentations: 'pino' }, 'instrumentations'],
    [{ deadline: 'soon' }, 'deadline'],
    [{ sdk: 5 }, 'sdk'],
    [{ endpoint: 'http://localhost' }, 'endpoint'],
  ])('refuses %o, by the name of the option, and starts nothing', async (options, option) => {
    const error: unknown = await startTelemetry(options as never).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionsError)
    expect((error as InvalidOptionsError).option).toBe(option)
    expect((error as Error).message).toContain('startTelemetry: ')
  })
})

describe('watchExports', () => {
  const exporter = (answer: (done: (result: { code: number; error?: Error }) => void) => void) => ({
    export: (_items: unknown, done: (result: { code: number; error?: Error }) => void): void =>
      answer(done),
  })
  const tracerProvider = (of: object): object => ({
    _activeSpanProcessor: { _spanProcessors: [{ _exporter: of }] },
  })

  it('sees failures that a provider keeps to itself, counted by what was said, once', () => {
    const answers = [new Error('403'), new Error('403'), new Error('503')]
    const [first, second, third] = answers
    const refusing = exporter((done) => done({ code: 1, error: answers.shift() as Error }))
    const watch = watchExports(new Map([[tracerProvider(refusing), 'spans']]))
    for (const items of [[1, 2], [3], [4]]) refusing.export(items, () => {})
    expect(watch.failures()).toEqual([
      { signal: 'spans', count: 3, errors: [first, second] },
      { signal: 'spans', count: 1, errors: [third] },
    ])
    expect(watch.failures()).toEqual([])
  })

  it('waits for what is under way, and no longer', async () => {
    let finish = (): void => {}
    const slow = exporter((done) => {
      finish = () => done({ code: 0 })
    })
    const provider = tracerProvider(slow)
    const watch = watchExports(new Map([[provider, 'spans']]))
    let isOver = false
    slow.export([1, 2], () => {})
    expect(watch.undelivered()).toBe('2 spans')
    const settled = watch.settled(provider).then(() => {
      isOver = true
    })
    await new Promise((resolve) => void setImmediate(resolve))
    expect(isOver).toBe(false)
    finish()
    await settled
    await watch.settled(provider)
    expect(watch.undelivered()).toBe('')
    expect(watch.failures()).toEqual([])
  })

  it('finds the exporters of the real SDK', async () => {
    const { tracerProvider: traces, loggerProvider, meterProvider } = memorySdk()
    const seen: object[] = [traces, loggerProvider, meterProvider]
    const signals = ['spans', 'log records', 'metrics'] as const
    const watch = watchExports(
      new Map(seen.map((each, index) => [each, signals[index] ?? 'spans'])),
    )
    traces.getTracer('t').startSpan('s').end()
    loggerProvider.getLogger('l').emit({ body: 'x' })
    await meterProvider.shutdown()
    for (const each of seen) await watch.settled(each)
    expect(watch.failures()).toEqual([])
    const own = (of: unknown, ...path: string[]): unknown =>
      path.reduce((found, key) => (found as Record<string, unknown> | undefined)?.[key], of)
    const exporters = [
      own(traces, '_activeSpanProcessor', '_spanProcessors', '0', '_exporter'),
      own(loggerProvider, '_sharedState', 'activeProcessor', 'processors', '0', '_exporter'),
      own(meterProvider, '_sharedState', 'metricCollectors', '0', '_metricReader', '_exporter'),
    ]
    // Watched: the method is the object's own now, and not its class's.
    expect(exporters.map((each) => Object.hasOwn(each as object, 'export'))).toEqual([
      true,
      true,
      true,
    ])
  })

  it('counts what is queued', () => {
    const processor = (fields: object): object => ({ ...fields, _exporter: exporter(() => {}) })
    const traces = {
      _activeSpanProcessor: { _spanProcessors: [processor({ _finishedSpans: [1, 2] }), {}] },
    }
    const logs = {
      _sharedState: { activeProcessor: { processors: [processor({ _finishedLogRecords: [1] })] } },
    }
    const watch = watchExports(
      new Map<object, 'spans' | 'log records'>([
        [traces, 'spans'],
        [logs, 'log records'],
      ]),
    )
    expect(watch.queued()).toBe(3)
    expect(watch.undelivered()).toBe('2 spans, 1 log records')
    expect(watchExports(new Map([[{ _sharedState: 5 }, 'spans']])).queued()).toBe(0)
  })

  it.each([{}, { _activeSpanProcessor: 5 }, { _sharedState: { activeProcessor: null } }])(
    'makes do without, where %o has none',
    async (provider) => {
      const watch = watchExports(new Map([[provider, 'spans']]))
      await watch.settled(provider)
      expect(watch.failures()).toEqual([])
    },
  )
})

describe('hrTime', () => {
  it.each([
    [0, [0, 0]],
    [1_500.25, [1, 500_250_000]],
    [1_767_323_045_678, [1_767_323_045, 678_000_000]],
    [999.9999999, [0, 999_999_999]],
    [-1, [-1, 999_000_000]],
  ])('of %s ms is %s', (ms, expected) => {
    expect(hrTime(ms)).toEqual(expected)
  })
})
