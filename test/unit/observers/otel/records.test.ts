import { trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  flightRecorder,
  taskLog,
  withContext,
  type Executor,
  type Task,
} from '../../../../src/index.ts'
import { otelObserver, type OtelObserverOptions } from '../../../../src/otel.ts'
import { observerCases } from '../../../../src/testing/observer-cases.ts'
import { sampleEvents } from '../../../../src/testing/sample-events.ts'
import { memorySdk, registerContext, type MemorySdk } from '../../../support/otel-sdk.ts'

registerContext()

function start(
  tasks: readonly Task[],
  options: OtelObserverOptions = {},
): { executor: Executor; sdk: MemorySdk; faults: unknown[] } {
  const sdk = memorySdk()
  const observers = [otelObserver({ ...sdk.providers, ...options })]
  const executor = createExecutor({ tasks, observers })
  const faults: unknown[] = []
  executor.events.on('observer.error', (event) => faults.push(event.error))
  return { executor, sdk, faults }
}

async function recordsOf(
  run: () => unknown,
  options: OtelObserverOptions = {},
  call: Parameters<Executor['enqueue']>[2] = {},
): Promise<Awaited<ReturnType<MemorySdk['records']>>> {
  const task = defineTask({ name: 'job', run })
  const { executor, sdk, faults } = start([task], options)
  await (await executor.enqueue(task, undefined, call)).result().catch(() => {})
  await executor.close()
  expect(faults).toEqual([])
  return sdk.records()
}

const linesOf = (
  records: Awaited<ReturnType<MemorySdk['records']>>,
): Awaited<ReturnType<MemorySdk['records']>> =>
  records.filter((each) => each.eventName === undefined)

describe('observer conformance', () => {
  const { providers } = memorySdk()
  it.each(observerCases.map((each) => [each.name, each] as const))('%s', (_name, { run }) =>
    run(() => ({ observer: otelObserver({ ...providers, minLevel: 'debug' }) })),
  )
})

describe('log records of events', () => {
  it('have the name plainsight.<type>, the number of their level, no severity text, and a string for a body', async () => {
    const sdk = memorySdk()
    const observer = otelObserver({ ...sdk.providers, minLevel: 'debug' })
    for (const event of sampleEvents()) observer.onEvent?.(event)
    observer.flush?.()
    const numbers = { debug: 5, info: 9, warning: 13, error: 17 }
    const seen = (await sdk.records()).map(({ eventName, severityNumber, severityText, body }) => [
      eventName,
      severityNumber,
      severityText,
      typeof body,
    ])
    // A start is kept until its span begins, or until there is nothing more to come.
    const byName = (list: readonly unknown[][]): unknown[][] =>
      list.toSorted((a, b) => String(a[0]).localeCompare(String(b[0])))
    expect(byName(seen)).toEqual(
      byName(
        sampleEvents().map(({ type, level }) => {
          const isLine = type === 'task.log'
          const name = isLine ? undefined : `plainsight.${type}`
          return [name, numbers[level], isLine ? level : undefined, 'string']
        }),
      ),
    )
  })

  it('carry the time of their event, however small its number', async () => {
    const sdk = memorySdk()
    const observer = otelObserver({ ...sdk.providers, minLevel: 'debug' })
    const [event] = sampleEvents()
    observer.onEvent?.({ ...event, time: 1_500.25 } as never)
    expect((await sdk.records())[0]?.hrTime).toEqual([1, 500_250_000])
  })

  it('go by minLevel and its rules, and metrics do not', async () => {
    const task = defineTask({ name: 'job', run: () => taskLog('a line') })
    const other = defineTask({ name: 'other', run: () => taskLog('a line') })
    const { executor, sdk } = start([task, other], { minLevel: { default: 'error', job: 'info' } })
    for (const each of [task, other]) await (await executor.enqueue(each)).result()
    await executor.close()
    const names = (await sdk.records()).map((each) => [
      each.eventName ?? each.body,
      each.attributes['plainsight.task.name'],
    ])
    expect(names).toEqual([
      ['plainsight.attempt.started', 'job'],
      ['a line', 'job'],
      ['plainsight.task.succeeded', 'job'],
    ])
    const durations = (await sdk.points()).filter(
      (each) => each.name === 'plainsight.task.duration',
    )
    expect(durations.map((each) => each.attributes['plainsight.task.name'])).toEqual([
      'job',
      'other',
    ])
  })

  it('with lifecycle false there are lines and exceptions, and the metrics are as ever', async () => {
    const task = defineTask({
      name: 'job',
      run() {
        taskLog('a line')
        throw new TypeError('x')
      },
    })
    const { executor, sdk } = start([task], { lifecycle: false })
    await (await executor.enqueue(task)).result().catch(() => {})
    await executor.close()
    const names = (await sdk.records()).map((each) => each.eventName ?? each.body)
    expect(names).toEqual(['a line', 'messaging.process.exception'])
    const points = await sdk.points()
    expect(points.some((each) => each.name === 'plainsight.task.duration')).toBe(true)
  })

  it('follow a minLevel that changes while running, and a flight recorder has the detail of failures', async () => {
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run(fails: boolean, { attempt }) {
        taskLog.debug('detail')
        if (fails && attempt === 0) throw new TypeError('x')
      },
    })
    const namesOf = async (sdk: MemorySdk): Promise<unknown[]> =>
      (await sdk.records())
        .filter((each) => 'messaging.message.id' in each.attributes)
        .map((each) => each.eventName ?? each.body)
    const sdk = memorySdk()
    const executor = createExecutor({ tasks: [task], observers: [] })
    await executor.start()
    const observation = executor.observe(otelObserver({ ...sdk.providers, minLevel: 'error' }))
    await (await executor.enqueue(task, true)).result()
    expect(await namesOf(sdk)).toEqual([])
    observation.setMinLevel('debug')
    await (await executor.enqueue(task, true)).result()
    expect(await namesOf(sdk)).toEqual([
      'plainsight.task.enqueued',
      'plainsight.attempt.started',
      'detail',
      'messaging.process.exception',
      'plainsight.attempt.failed',
      'plainsight.task.retrying',
      'plainsight.attempt.started',
      'detail',
      'plainsight.task.succeeded',
    ])
    await executor.close()

    const other = memorySdk()
    const recorder = flightRecorder(otelObserver({ ...other.providers, minLevel: 'warning' }))
    const recorded = createExecutor({ tasks: [task], observers: [recorder] })
    for (const fails of [false, true]) await (await recorded.enqueue(task, fails)).result()
    await recorded.close()
    const attempts = (await other.spans()).filter((span) => span.name === 'process job')
    const details = (await other.records()).filter((each) => each.body === 'detail')
    expect(details.map((each) => each.spanContext?.spanId)).toEqual([
      attempts[1]?.spanContext().spanId,
    ])
  })

  it('retriedExceptionSeverity is the level of a retried exception, which minLevel judges', async () => {
    let runs = 0
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run() {
        if (runs++ % 2 === 0) throw new Error('once')
      },
    })
    for (const [level, seen] of [
      ['error', [17]],
      ['info', []],
    ] as const) {
      const { executor, sdk } = start([task], {
        retriedExceptionSeverity: level,
        minLevel: 'warning',
      })
      await (await executor.enqueue(task)).result()
      await executor.close()
      const exceptions = (await sdk.records()).filter((each) =>
        each.eventName?.endsWith('exception'),
      )
      expect(exceptions.map((each) => each.severityNumber)).toEqual(seen)
    }
  })

  it('carry the bound request context, and tags when asked to', async () => {
    const task = defineTask({ name: 'job', run: () => taskLog('a line') })
    for (const logTags of [false, true]) {
      const { executor, sdk } = start([task], { logTags })
      const handle = await withContext({ requestId: 'r1' }, () =>
        executor.enqueue(task, undefined, { tags: { plan: 'pro' } }),
      )
      await handle.result()
      await executor.close()
      const [line] = linesOf(await sdk.records())
      expect(line?.attributes['plainsight.context.requestId']).toBe('r1')
      expect(line?.attributes['plainsight.task.tag.plan']).toBe(logTags ? 'pro' : undefined)
    }
  })
})

describe('records belong to their span', () => {
  it('a line is in the innermost span of its attempt, wherever it is written from', async () => {
    const sdk = memorySdk()
    const tracer = sdk.tracerProvider.getTracer('user')
    const handlers: (() => void)[] = []
    const task = defineTask({
      name: 'job',
      async run(_input: undefined, { log }) {
        taskLog('outer')
        await tracer.startActiveSpan('child', async (span) => {
          await Promise.resolve()
          taskLog('inner')
          span.end()
        })
        handlers.push(() => log('from elsewhere'))
        await new Promise<void>((resolve) => void handlers.push(resolve))
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [otelObserver(sdk.providers)] })
    const handle = await executor.enqueue(task)
    await handle.started
    while (handlers.length < 2) await new Promise((resolve) => void setImmediate(resolve))
    // In the context of another request: its span is not the line's.
    tracer.startActiveSpan('other request', (span) => {
      for (const each of handlers) each()
      span.end()
    })
    await handle.result()
    await executor.close()
    const spans = new Map((await sdk.spans()).map((span) => [span.name, span.spanContext().spanId]))
    const seen = linesOf(await sdk.records()).map((each) => [each.body, each.spanContext?.spanId])
    expect(seen).toEqual([
      ['outer', spans.get('process job')],
      ['inner', spans.get('child')],
      ['from elsewhere', spans.get('process job')],
    ])
  })

  it('what is published before and after an attempt has the span of the enqueue, or of the attempt', async () => {
    const task = defineTask({ name: 'job', run: () => 1 })
    const { executor, sdk } = start([task], { minLevel: 'debug' })
    await (await executor.enqueue(task)).result()
    const cancelled = await executor.enqueue(task, undefined, { delay: '1h' })
    await cancelled.cancel()
    await executor.close()
    const spans = await sdk.spans()
    const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]))
    const seen = (await sdk.records())
      .filter((each) => 'messaging.message.id' in each.attributes)
      .map((each) => [each.eventName, names.get(each.spanContext?.spanId ?? '')])
    expect(seen).toEqual([
      ['plainsight.task.enqueued', 'enqueue job'],
      ['plainsight.attempt.started', 'process job'],
      ['plainsight.task.succeeded', 'process job'],
      ['plainsight.task.scheduled', 'schedule job'],
      ['plainsight.task.cancelled', 'schedule job'],
    ])
  })

  it('an event of the executor, or of a task without a trace, takes no span that happens to be active', async () => {
    const sdk = memorySdk()
    const observer = otelObserver({ ...sdk.providers, minLevel: 'debug' })
    const tracer = sdk.tracerProvider.getTracer('user')
    tracer.startActiveSpan('a request', (span) => {
      for (const event of sampleEvents()) {
        observer.onEvent?.('traceContext' in event ? { ...event, traceContext: undefined } : event)
      }
      observer.flush?.()
      span.end()
    })
    const records = await sdk.records()
    expect(records.length).toBeGreaterThan(20)
    expect(records.filter((each) => each.spanContext !== undefined)).toEqual([])
    expect(trace.getActiveSpan()).toBeUndefined()
  })
})

describe('7 hostile data', () => {
  const circular: Record<string, unknown> = { a: 1 }
  circular['self'] = circular
  let deep: unknown = 'bottom'
  for (let level = 0; level < 20_000; level++) deep = { deep }
  const throwing = Object.defineProperty({}, 'trap', {
    enumerable: true,
    get() {
      throw new Error('a trap')
    },
  })
  const hostile: readonly (readonly [string, unknown])[] = [
    ['circular', { circular }],
    ['bigint', { big: 12_345_678_901_234_567_890n }],
    ['date', { at: new Date(0) }],
    ['error with cause', new TypeError('x', { cause: new Error('y') })],
    ['map and set', { map: new Map([['k', 1]]), set: new Set([1]) }],
    ['throwing getter', throwing],
    ['20,000 levels', { deep }],
    ['a megabyte', { text: 'x'.repeat(1_048_576) }],
    ['500 keys', Object.fromEntries(Array.from({ length: 500 }, (_item, key) => [`k${key}`, key]))],
    ['10,000 items', { list: Array.from({ length: 10_000 }, (_item, index) => index) }],
    ['prototype', JSON.parse('{"__proto__": {"polluted": 1}, "a": {"__proto__": {"b": 1}}}')],
    ['null and undefined', { nothing: null, missing: undefined }],
    ['numbers that JSON has not', { nan: Number.NaN, infinite: Infinity }],
    ['functions and symbols', { f() {}, s: Symbol('s') }],
  ]

  it('nothing throws, no outcome changes, and no other record is lost', async () => {
    const task = defineTask({
      name: 'job',
      run() {
        for (const [what, extra] of hostile) {
          taskLog(what, extra)
          taskLog(`after ${what}`)
        }
        return 'done'
      },
    })
    const { executor, sdk, faults } = start([task])
    const handle = await executor.enqueue(task)
    expect(await handle.result()).toBe('done')
    await executor.close()
    expect(faults).toEqual([])
    const lines = linesOf(await sdk.records())
    expect(lines.map((each) => each.body)).toEqual(
      hostile.flatMap(([what]) => [what, `after ${what}`]),
    )
    for (const line of lines) {
      expect(Object.keys(line.attributes).length).toBeLessThan(100)
      expect(JSON.stringify(line.attributes).length).toBeLessThan(20_000)
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    const point = (await sdk.points()).find((each) => each.name === 'plainsight.observer.errors')
    expect(point).toBeUndefined()
  })

  it('keeps what can be kept: dates, big numbers, errors, maps', async () => {
    const [line] = linesOf(
      await recordsOf(() =>
        taskLog('x', {
          at: new Date(0),
          big: 2n ** 80n,
          map: new Map([['k', 1]]),
          nested: { list: [1, 'two', { three: 3 }] },
        }),
      ),
    )
    expect(line?.attributes).toMatchObject({
      at: '1970-01-01T00:00:00.000Z',
      big: '1208925819614629174706176',
      map: [['k', 1]],
      nested: { list: [1, 'two', { three: 3 }] },
    })
  })

  it('an extra whose key means something already is put aside, and cannot take its place', async () => {
    const extra = {
      'error.type': 'mine',
      'plainsight.task.attempt': 99,
      'messaging.message.id': 'forged',
      'exception.type': 'forged',
      'otel.status': 1,
      'code.function': 'f',
      plain: 1,
    }
    const [line] = linesOf(await recordsOf(() => taskLog('x', extra)))
    expect(line?.attributes['plainsight.task.attempt']).toBe(0)
    expect(line?.attributes['messaging.message.id']).not.toBe('forged')
    expect(line?.attributes).toMatchObject({
      'plainsight.extra.error.type': 'mine',
      'plainsight.extra.plainsight.task.attempt': 99,
      'plainsight.extra.messaging.message.id': 'forged',
      'plainsight.extra.exception.type': 'forged',
      'plainsight.extra.otel.status': 1,
      'plainsight.extra.code.function': 'f',
      plain: 1,
    })
  })

  it('flattenExtras makes dotted keys of what is nested', async () => {
    const extra = { user: { id: 7, roles: ['a', 'b'] } }
    const [line] = linesOf(await recordsOf(() => taskLog('x', extra), { flattenExtras: true }))
    expect(line?.attributes).toMatchObject({ 'user.id': 7, 'user.roles': ['a', 'b'] })
  })

  it('32 tags of the longest kind leave every attribute of ours in place', async () => {
    const tags = Object.fromEntries(
      Array.from({ length: 32 }, (_item, index) => [
        `${'k'.repeat(60)}${index}`,
        '\u{1F600}'.repeat(128),
      ]),
    )
    const task = defineTask({
      name: 'job',
      tags,
      run() {
        throw new TypeError('x')
      },
    })
    const { executor, sdk, faults } = start([task], { logTags: true })
    await (await executor.enqueue(task)).result().catch(() => {})
    await executor.close()
    const span = (await sdk.spans()).find((each) => each.name === 'process job')
    expect(span?.attributes['error.type']).toBe('TypeError')
    expect(span?.droppedAttributesCount).toBe(0)
    expect(faults).toEqual([])
  })

  it('an error that cannot be looked at still has an error.type', async () => {
    const error = new Proxy(new Error('x'), {
      get() {
        throw new Error('a trap')
      },
    })
    const task = defineTask({
      name: 'job',
      run() {
        throw error
      },
    })
    const { executor, sdk, faults } = start([task])
    await (await executor.enqueue(task)).result().catch(() => {})
    await executor.close()
    const span = (await sdk.spans()).find((each) => each.name === 'process job')
    expect(span?.attributes['error.type']).toEqual(expect.any(String))
    expect(faults).toEqual([])
  })
})

describe('tags on spans', () => {
  async function attributesOf(
    tags: Record<string, string>,
    options: OtelObserverOptions = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const task = defineTask({ name: 'job', tags, run: () => 1 })
    const { executor, sdk } = start([task], options)
    await (await executor.enqueue(task)).result()
    await executor.close()
    return (await sdk.spans()).find((each) => each.name === 'process job')?.attributes ?? {}
  }

  it('are plainsight.task.tag.<key>, so one named like an attribute of OpenTelemetry changes none', async () => {
    const attributes = await attributesOf({ 'messaging.system': 'kafka', 'error.type': 'none' })
    expect(attributes).toMatchObject({
      'messaging.system': 'plainsight',
      'plainsight.task.tag.messaging.system': 'kafka',
      'plainsight.task.tag.error.type': 'none',
    })
    expect(attributes).not.toHaveProperty(['error.type'])
  })

  it('can be promoted to a name of the user', async () => {
    const tagAttributes = { tenant: 'app.tenant.id' }
    const attributes = await attributesOf({ tenant: 't1', plan: 'pro' }, { tagAttributes })
    expect(attributes).toMatchObject({ 'app.tenant.id': 't1', 'plainsight.task.tag.plan': 'pro' })
    expect(attributes).not.toHaveProperty(['plainsight.task.tag.tenant'])
  })
})
