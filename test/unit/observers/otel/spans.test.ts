import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask, type Executor, type Task } from '../../../../src/index.ts'
import { memoryBackend } from '../../../../src/backends/memory.ts'
import { otelObserver, type OtelObserverOptions } from '../../../../src/otel.ts'
import { manualClock } from '../../../../src/testing/manual-clock.ts'
import { waitFor } from '../../../../src/testing/wait-for.ts'
import { memorySdk, registerContext, type MemorySdk } from '../../../support/otel-sdk.ts'

registerContext()

const QUICK = { delay: 1, jitter: 'none' } as const

function start(
  tasks: readonly Task[],
  options: OtelObserverOptions = {},
  sdk: MemorySdk = memorySdk(),
): { executor: Executor; sdk: MemorySdk; faults: unknown[] } {
  const observer = otelObserver({ ...sdk.providers, ...options })
  const executor = createExecutor({ tasks, observers: [observer] })
  const faults: unknown[] = []
  executor.events.on('observer.error', (event) => faults.push(event.error))
  return { executor, sdk, faults }
}

const failing = (times: number, error: () => unknown = () => new TypeError('smtp down')): Task => {
  let runs = 0
  return defineTask({
    name: 'send-email',
    retries: 5,
    backoff: QUICK,
    run() {
      if (runs++ < times) throw error()
      return 'sent'
    },
  })
}

const named = (spans: readonly ReadableSpan[], name: string): ReadableSpan[] =>
  spans.filter((span) => span.name === name)
const idOf = (span: ReadableSpan | undefined): string => span?.spanContext().spanId ?? ''
const traceOf = (span: ReadableSpan | undefined): string => span?.spanContext().traceId ?? ''
const linksOf = (span: ReadableSpan | undefined): unknown[] =>
  (span?.links ?? []).map(({ context: { spanId }, attributes }) => [
    attributes?.['plainsight.link.type'],
    spanId,
  ])

describe('4 attempt semantics', () => {
  it('n attempts make n consumer spans, siblings below the span of the enqueue', async () => {
    const { executor, sdk } = start([failing(2)])
    const handle = await executor.enqueue('send-email', undefined)
    await handle.result()
    await executor.close()
    const spans = await sdk.spans()
    const [enqueue] = named(spans, 'enqueue send-email')
    const attempts = named(spans, 'process send-email')
    expect(spans).toHaveLength(4)
    expect(enqueue?.kind).toBe(SpanKind.PRODUCER)
    expect(attempts.map((span) => span.kind)).toEqual(Array(3).fill(SpanKind.CONSUMER))
    expect(attempts.map((span) => span.parentSpanContext?.spanId)).toEqual(
      Array(3).fill(idOf(enqueue)),
    )
    expect(attempts.map((span) => span.attributes['plainsight.task.attempt'])).toEqual([0, 1, 2])
    expect(attempts.map((span) => linksOf(span))).toEqual([
      [['creation', idOf(enqueue)]],
      [
        ['creation', idOf(enqueue)],
        ['previous_attempt', idOf(attempts[0])],
      ],
      [
        ['creation', idOf(enqueue)],
        ['previous_attempt', idOf(attempts[1])],
      ],
    ])
  })

  it('a failure is ERROR with error.type; a success has neither status nor error.type', async () => {
    const { executor, sdk } = start([failing(1)])
    await (await executor.enqueue('send-email', undefined)).result()
    await executor.close()
    const [failed, succeeded] = named(await sdk.spans(), 'process send-email')
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'smtp down' })
    expect(failed?.attributes).toMatchObject({
      'error.type': 'TypeError',
      'plainsight.task.outcome': 'retry',
    })
    expect(succeeded?.status).toEqual({ code: SpanStatusCode.UNSET })
    expect(succeeded?.attributes).not.toHaveProperty(['error.type'])
    expect(succeeded?.attributes['plainsight.task.outcome']).toBe('succeeded')
  })

  it('a failed attempt has exactly one exception record, WARN when retried and ERROR when last, and no span event', async () => {
    const { executor, sdk } = start([
      defineTask({
        name: 'doomed',
        retries: 1,
        backoff: QUICK,
        run() {
          throw new TypeError('no', { cause: new Error('disk full') })
        },
      }),
    ])
    await (await executor.enqueue('doomed', undefined)).result().catch(() => {})
    await executor.close()
    const spans = named(await sdk.spans(), 'process doomed')
    const records = await sdk.records()
    const exceptions = records.filter((each) => each.eventName === 'messaging.process.exception')
    expect(spans.map((span) => span.events)).toEqual([[], []])
    expect(exceptions.map((each) => [each.severityNumber, each.spanContext?.spanId])).toEqual([
      [13, idOf(spans[0])],
      [17, idOf(spans[1])],
    ])
    expect(exceptions[1]?.attributes).toMatchObject({
      'exception.type': 'TypeError',
      'exception.message': 'no',
      'exception.stacktrace': expect.stringMatching(
        /^TypeError: no\n[^]*\nCaused by: Error: disk full\n/,
      ) as string,
      'error.type': 'TypeError',
    })
    const withStack = records.filter((each) => 'exception.stacktrace' in each.attributes)
    expect(withStack).toHaveLength(2)
  })

  it('without a logs SDK the exception is one event of its span', async () => {
    const { tracerProvider, ...sdk } = memorySdk()
    const { executor } = start(
      [failing(1)],
      { tracerProvider, loggerProvider: undefined },
      {
        tracerProvider,
        ...sdk,
      },
    )
    await (await executor.enqueue('send-email', undefined)).result()
    await executor.close()
    const [failed, succeeded] = named(await sdk.spans(), 'process send-email')
    expect(
      failed?.events.map((event) => [event.name, event.attributes?.['exception.type']]),
    ).toEqual([['exception', 'TypeError']])
    expect(succeeded?.events).toEqual([])
  })

  it('an attempt that was cancelled has no status', async () => {
    const task = defineTask({
      name: 'slow',
      run: (_input: undefined, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const { executor, sdk } = start([task])
    const handle = await executor.enqueue(task)
    await handle.started
    await handle.cancel({ reason: 'changed my mind' })
    await handle.result().catch(() => {})
    await executor.close()
    const [span] = named(await sdk.spans(), 'process slow')
    expect(span?.status).toEqual({ code: SpanStatusCode.UNSET })
    expect(span?.attributes).not.toHaveProperty(['error.type'])
    expect(span?.attributes['plainsight.task.outcome']).toBe('cancelled')
    const cancelled = (await sdk.records()).find(
      (each) => each.eventName === 'plainsight.task.cancelled',
    )
    expect(cancelled?.attributes['plainsight.task.cancel.reason']).toBe('changed my mind')
    expect(cancelled?.spanContext?.spanId).toBe(idOf(span))
  })

  it('a timeout ends its span at the deadline, as timeout, and makes no exception of our own error', async () => {
    const clock = manualClock()
    const sdk = memorySdk()
    const task = defineTask({
      name: 'stuck',
      timeout: '30s',
      run: () => new Promise(() => {}),
    })
    const executor = createExecutor({
      tasks: [task],
      clock,
      observers: [otelObserver(sdk.providers)],
    })
    const handle = await executor.enqueue(task)
    await handle.started
    const ended = handle.result().catch((error: unknown) => error)
    await clock.advance(30_000)
    await ended
    const [span] = named(await sdk.spans(), 'process stuck')
    expect(span?.status.code).toBe(SpanStatusCode.ERROR)
    expect(span?.attributes).toMatchObject({
      'error.type': 'timeout',
      'plainsight.task.outcome': 'timed_out',
    })
    const records = await sdk.records()
    expect(records.some((each) => each.eventName === 'messaging.process.exception')).toBe(false)
    const points = await sdk.points()
    const duration = points.find((each) => each.name === 'messaging.process.duration')
    expect(duration?.attributes['error.type']).toBe('timeout')
    const closed = executor.close({ grace: 0 })
    await clock.advance(60_000)
    await closed
  })

  it('spanStatus final marks only the last failure, whose error.type both have', async () => {
    const task = defineTask({
      name: 'doomed',
      retries: 1,
      backoff: QUICK,
      run() {
        throw new RangeError('no')
      },
    })
    const { executor, sdk } = start([task], { spanStatus: 'final' })
    await (await executor.enqueue(task)).result().catch(() => {})
    await executor.close()
    const spans = named(await sdk.spans(), 'process doomed')
    expect(spans.map((span) => span.status.code)).toEqual([
      SpanStatusCode.UNSET,
      SpanStatusCode.ERROR,
    ])
    expect(spans.map((span) => span.attributes['error.type'])).toEqual(['RangeError', 'RangeError'])
  })

  it('an expected error has no status and no stack, and its records are INFO', async () => {
    class Declined extends Error {}
    const task = defineTask({
      name: 'charge',
      throws: [Declined],
      run() {
        throw new Declined('card declined')
      },
    })
    const { executor, sdk } = start([task])
    await (await executor.enqueue(task)).result().catch(() => {})
    await executor.close()
    const [span] = named(await sdk.spans(), 'process charge')
    expect(span?.status.code).toBe(SpanStatusCode.UNSET)
    expect(span?.attributes).toMatchObject({
      'error.type': 'Declined',
      'plainsight.task.expected': true,
    })
    const records = (await sdk.records()).filter((each) => 'error.type' in each.attributes)
    expect(records.map((each) => [each.eventName, each.severityNumber])).toEqual([
      ['messaging.process.exception', 9],
      ['plainsight.task.failed', 9],
    ])
    expect(records.some((each) => 'exception.stacktrace' in each.attributes)).toBe(false)
  })

  it.each([
    ['a string', () => 'just text', '_OTHER'],
    ['nothing', () => undefined, '_OTHER'],
    [
      'a name that is a sentence',
      () => Object.assign(new Error('x'), { name: 'order 4711 failed' }),
      '_OTHER',
    ],
    [
      'an error with a code',
      () => Object.assign(new TypeError('x'), { code: 'ECODE' }),
      'TypeError',
    ],
  ])(
    'of %s thrown, error.type is the same on span, record and metric',
    async (_what, error, type) => {
      const { executor, sdk, faults } = start([failing(1, error)])
      await (await executor.enqueue('send-email', undefined)).result()
      await executor.close()
      const [span] = named(await sdk.spans(), 'process send-email')
      expect(span?.attributes['error.type']).toBe(type)
      const record = (await sdk.records()).find((each) => each.eventName?.endsWith('exception'))
      expect(record?.attributes['error.type']).toBe(type)
      const failed = (await sdk.points()).filter(
        ({ name, attributes }) =>
          name === 'messaging.process.duration' && 'error.type' in attributes,
      )
      expect(failed.map(({ attributes }) => attributes['error.type'])).toEqual([type])
      expect(faults).toEqual([])
    },
  )
})

describe('5 propagation', () => {
  const task = defineTask({ name: 'job', run: () => 1 })

  async function placed(
    options: OtelObserverOptions,
    call: Parameters<Executor['enqueue']>[2] = {},
    definition: Task = task,
  ): Promise<{ enqueue: ReadableSpan | undefined; attempt: ReadableSpan | undefined }> {
    const { executor, sdk } = start([definition], options)
    await (await executor.enqueue(definition, undefined, call)).result()
    await executor.close()
    const spans = await sdk.spans()
    return { enqueue: named(spans, 'enqueue job')[0], attempt: named(spans, 'process job')[0] }
  }

  it.each([
    ['child', true, 1],
    ['auto', true, 1],
    ['link', false, 1],
    ['none', false, 0],
  ] as const)('%s: the same trace %s, links %s', async (propagation_, sameTrace, links) => {
    const { enqueue, attempt } = await placed({ propagation: propagation_ })
    expect(traceOf(attempt) === traceOf(enqueue)).toBe(sameTrace)
    expect(attempt?.parentSpanContext?.spanId).toBe(sameTrace ? idOf(enqueue) : undefined)
    expect(attempt?.links).toHaveLength(links)
  })

  it('of defaults, definition and call the nearer decides, and any of them before the observer', async () => {
    const linked = defineTask({ name: 'job', propagation: 'link', run: () => 1 })
    const byDefinition = await placed({ propagation: 'child' }, {}, linked)
    expect(traceOf(byDefinition.attempt)).not.toBe(traceOf(byDefinition.enqueue))
    const byCall = await placed({ propagation: 'none' }, { propagation: 'child' }, linked)
    expect(traceOf(byCall.attempt)).toBe(traceOf(byCall.enqueue))
    const cleared = await placed({ propagation: 'child' }, { propagation: null }, linked)
    expect(traceOf(cleared.attempt)).toBe(traceOf(cleared.enqueue))
  })

  it('a function decides by the task; one that throws or answers nonsense gets auto, and is reported', async () => {
    const byTask = await placed({ propagation: ({ name }) => (name === 'job' ? 'link' : 'child') })
    expect(traceOf(byTask.attempt)).not.toBe(traceOf(byTask.enqueue))
    for (const wrong of [
      () => {
        throw new Error('mine')
      },
      () => 'sideways' as 'link',
    ]) {
      const { executor, sdk, faults } = start([task], { propagation: wrong })
      await (await executor.enqueue(task)).result()
      await executor.close()
      const spans = await sdk.spans()
      expect(traceOf(named(spans, 'process job')[0])).toBe(traceOf(named(spans, 'enqueue job')[0]))
      expect(faults).toHaveLength(1)
    }
  })

  it('auto makes a child up to five minutes after the enqueue, and a root with a link later', async () => {
    for (const [delay, isChild] of [
      ['5m', true],
      [300_001, false],
    ] as const) {
      const clock = manualClock()
      const sdk = memorySdk()
      const executor = createExecutor({
        tasks: [task],
        clock,
        observers: [otelObserver(sdk.providers)],
      })
      const handle = await executor.enqueue(task, undefined, { delay })
      const result = handle.result()
      await clock.advance(300_001)
      await result
      await executor.close()
      const spans = await sdk.spans()
      const [scheduled] = named(spans, 'schedule job')
      const [attempt] = named(spans, 'process job')
      expect(traceOf(attempt) === traceOf(scheduled)).toBe(isChild)
      expect(linksOf(attempt)).toEqual([['creation', idOf(scheduled)]])
    }
  })

  it('what a schedule enqueued is always a root under auto', async () => {
    const sdk = memorySdk()
    const observer = otelObserver(sdk.providers)
    const carrier = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    await observer.wrapRun?.(
      {
        task: {
          id: 't1',
          name: 'job',
          label: undefined,
          queue: 'default',
          priority: 0,
          source: 'schedule',
          tags: {},
          headers: {},
          dueAt: 1_000,
          createdAt: 1_000,
          parentId: undefined,
          rootId: 't1',
          retryOf: undefined,
          propagation: undefined,
        },
        attempt: 0,
        maxAttempts: 1,
        recoveries: 0,
        startedAt: 1_000,
        carrier,
        previousCarrier: undefined,
        attemptCarrier: {},
        context: undefined,
        signal: new AbortController().signal,
      },
      () => Promise.resolve({ outcome: 'success', status: 'succeeded', durationMs: 1 }),
    )
    const [span] = await sdk.spans()
    expect(traceOf(span)).not.toBe('a'.repeat(32))
    expect(linksOf(span)).toEqual([['creation', 'b'.repeat(16)]])
  })

  it('a corrupt carrier makes a new root, and the task runs as ever', async () => {
    const corrupt: Record<string, string>[] = [
      { traceparent: 'ff-zz' },
      { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` },
      { traceparent: '\u0000' },
      { baggage: ',=;,%zz' },
    ]
    for (const traceContext of corrupt) {
      const { executor, sdk, faults } = start([task])
      expect(await (await executor.enqueue(task, undefined, { traceContext })).result()).toBe(1)
      await executor.close()
      const [attempt] = named(await sdk.spans(), 'process job')
      expect(attempt?.parentSpanContext).toBeUndefined()
      expect(attempt?.links).toEqual([])
      expect(faults).toEqual([])
    }
  })

  it('a carrier of the caller is kept as it is, and is the creation context', async () => {
    const traceContext = {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      tracestate: 'vendor=1',
    }
    const { executor, sdk } = start([task])
    const handle = await executor.enqueue(task, undefined, { traceContext })
    await handle.result()
    expect((await handle.record())?.traceContext).toEqual(traceContext)
    expect((await handle.record())?.traceId).toBe('a'.repeat(32))
    await executor.close()
    const [attempt] = named(await sdk.spans(), 'process job')
    expect(attempt?.parentSpanContext).toMatchObject({ traceId: 'a'.repeat(32), isRemote: true })
    expect(attempt?.spanContext().traceState?.serialize()).toBe('vendor=1')
  })

  it('baggage of the enqueue is stored and active in the attempt, unless persistBaggage is false', async () => {
    let seen: string | undefined
    const reads = defineTask({
      name: 'job',
      run() {
        seen = propagation.getActiveBaggage()?.getEntry('tenant')?.value
      },
    })
    for (const [persistBaggage, style] of [
      [true, 'child'],
      [true, 'link'],
      [false, 'child'],
    ] as const) {
      const { executor } = start([reads], { persistBaggage, propagation: style })
      const baggage = propagation.createBaggage({ tenant: { value: 'acme' } })
      const handle = await context.with(propagation.setBaggage(context.active(), baggage), () =>
        executor.enqueue(reads),
      )
      await handle.result()
      expect((await handle.record())?.traceContext?.['baggage']).toBe(
        persistBaggage ? 'tenant=acme' : undefined,
      )
      expect(seen).toBe(persistBaggage ? 'acme' : undefined)
      await executor.close()
    }
  })
})

describe('a parent that is not sampled', () => {
  it('makes no spans, and every record still has the trace and the attempt', async () => {
    const { executor, sdk, faults } = start([failing(1)])
    const traceId = 'a'.repeat(32)
    const parent = { traceId, spanId: 'b'.repeat(16), traceFlags: TraceFlags.NONE, isRemote: true }
    const handle = await context.with(trace.setSpanContext(context.active(), parent), () =>
      executor.enqueue('send-email', undefined),
    )
    await handle.result()
    expect((await handle.record())?.traceContext?.['traceparent']).toMatch(
      new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`),
    )
    await executor.close()
    expect(await sdk.spans()).toEqual([])
    const records = (await sdk.records()).filter(
      (each) => 'messaging.message.id' in each.attributes,
    )
    expect(records.length).toBeGreaterThan(3)
    expect(new Set(records.map((each) => each.spanContext?.traceId))).toEqual(new Set([traceId]))
    const spanOf = (attempt: number): Set<unknown> => {
      const own = records.filter((each) => each.attributes['plainsight.task.attempt'] === attempt)
      return new Set(own.map((each) => each.spanContext?.spanId))
    }
    expect([spanOf(0).size, spanOf(1).size]).toEqual([1, 1])
    expect(faults).toEqual([])
  })
})

describe('two observers of one executor', () => {
  it('each have all spans, and the trace goes through both', async () => {
    const [outer, inner] = [memorySdk(), memorySdk()]
    const observers = [outer, inner].map(({ providers }) => otelObserver(providers))
    const executor = createExecutor({ tasks: [failing(1)], observers })
    await (await executor.enqueue('send-email', undefined)).result()
    await executor.close()
    const spans = [...(await outer.spans()), ...(await inner.spans())]
    expect(spans).toHaveLength(6)
    expect(new Set(spans.map(traceOf)).size).toBe(1)
    const [outerEnqueue] = named(await outer.spans(), 'enqueue send-email')
    const [innerEnqueue] = named(await inner.spans(), 'enqueue send-email')
    expect(innerEnqueue?.parentSpanContext?.spanId).toBe(idOf(outerEnqueue))
    for (const attempt of named(spans, 'process send-email'))
      expect(attempt.parentSpanContext?.spanId).toBe(idOf(innerEnqueue))
  })

  it('one that is detached in the middle of an attempt ends its span, and hears no more', async () => {
    const sdk = memorySdk()
    let finish = (): void => {}
    const task = defineTask({ name: 'job', run: () => new Promise<void>((end) => (finish = end)) })
    const { executor, sdk: other, faults } = start([task])
    const detach = executor.observe(otelObserver({ ...sdk.providers, name: 'second' }))
    const handle = await executor.enqueue(task)
    await waitFor(() => handle.record().then((record) => record?.status === 'running'))
    await detach()
    finish()
    await handle.result()
    await executor.close()
    const outcomes = async ({ spans }: MemorySdk): Promise<unknown[]> =>
      named(await spans(), 'process job').map((span) => span.attributes['plainsight.task.outcome'])
    expect(await outcomes(sdk)).toEqual(['succeeded'])
    expect(await outcomes(other)).toEqual(['succeeded'])
    const names = (await sdk.records()).map((each) => each.eventName)
    expect(names).not.toContain('plainsight.task.succeeded')
    expect(faults).toEqual([])
  })
})

describe('enqueue spans', () => {
  const task = defineTask({ name: 'job', run: () => 1 })

  it('enqueueMany makes one span, which says how many, and is the parent of all attempts', async () => {
    const { executor, sdk } = start([task])
    const handles = await executor.enqueueMany([
      { task, input: undefined },
      { task, input: undefined },
    ])
    for (const handle of handles) await handle.result()
    await executor.close()
    const spans = await sdk.spans()
    const [enqueue, ...more] = named(spans, 'enqueue job')
    expect(more).toEqual([])
    expect(enqueue?.attributes).toMatchObject({ 'messaging.batch.message_count': 2 })
    expect(enqueue?.attributes).not.toHaveProperty(['messaging.message.id'])
    expect(named(spans, 'process job').map((span) => span.parentSpanContext?.spanId)).toEqual(
      Array(2).fill(idOf(enqueue)),
    )
  })

  it('with createSpans each task of a batch has a span of its own, to which the one of the call links', async () => {
    const other = defineTask({ name: 'other', run: () => 1 })
    const { executor, sdk } = start([task, other], { createSpans: true })
    const handles = await executor.enqueueMany([
      { task, input: undefined },
      { task: other, input: undefined },
    ])
    for (const handle of handles) await handle.result()
    await executor.close()
    const spans = await sdk.spans()
    const created = [named(spans, 'create job')[0], named(spans, 'create other')[0]]
    const [call] = named(spans, 'enqueue')
    expect(call?.kind).toBe(SpanKind.CLIENT)
    expect(linksOf(call)).toEqual(created.map((span) => ['creation', idOf(span)]))
    expect(named(spans, 'process job')[0]?.parentSpanContext?.spanId).toBe(idOf(created[0]))
    expect(named(spans, 'process other')[0]?.parentSpanContext?.spanId).toBe(idOf(created[1]))
  })

  it('a deduplicated enqueue names the existing task and links to where that came from', async () => {
    const { executor, sdk } = start([task], { minLevel: 'debug' })
    const first = await executor.enqueue(task, undefined, { idempotencyKey: 'k' })
    const second = await executor.enqueue(task, undefined, { idempotencyKey: 'k' })
    expect(second.deduplicated).toBe(true)
    await first.result()
    await executor.close()
    const [original, met] = named(await sdk.spans(), 'enqueue job')
    expect(met?.attributes).toMatchObject({
      'plainsight.task.deduplicated': true,
      'messaging.message.id': first.id,
    })
    expect(linksOf(met)).toEqual([['creation', idOf(original)]])
    const record = (await sdk.records()).find(
      (each) => each.eventName === 'plainsight.task.deduplicated',
    )
    expect(record?.spanContext?.spanId).toBe(idOf(met))
    const points = await sdk.points()
    const sum = (name: string): unknown => points.find((each) => each.name === name)?.value
    expect(sum('messaging.client.sent.messages')).toBe(1)
    expect(sum('plainsight.task.deduplications')).toBe(1)
  })

  it('an enqueue that the store refuses is ERROR, with one exception record', async () => {
    const { executor, sdk } = start([task])
    const id = 'my-own-id'
    await (await executor.enqueue(task, undefined, { id })).result()
    await expect(executor.enqueue(task, undefined, { id })).rejects.toThrow('exists already')
    await executor.close()
    const [, refused] = named(await sdk.spans(), 'enqueue job')
    expect(refused?.status.code).toBe(SpanStatusCode.ERROR)
    expect(refused?.attributes['error.type']).toBe('DuplicateTaskError')
    const exceptions = (await sdk.records()).filter(
      (each) => each.eventName === 'messaging.send.exception',
    )
    expect(exceptions.map((each) => [each.severityNumber, each.spanContext?.spanId])).toEqual([
      [13, idOf(refused)],
    ])
  })
})

describe('with an SDK for some signals only', () => {
  it('without one for spans, records and metrics are as ever, and context from outside goes on', async () => {
    const sdk = memorySdk()
    const { loggerProvider, meterProvider } = sdk
    const outside = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }
    const seen: unknown[] = []
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: QUICK,
      run(_input: undefined, { attempt }) {
        seen.push(trace.getSpanContext(context.active())?.traceId)
        if (attempt === 0) throw new TypeError('once')
      },
    })
    const observers = [otelObserver({ loggerProvider, meterProvider })]
    const executor = createExecutor({ tasks: [task], observers })
    const handle = await context.with(trace.setSpanContext(context.active(), outside), () =>
      executor.enqueue(task),
    )
    await handle.result()
    expect((await handle.record())?.traceId).toBe(outside.traceId)
    await executor.close()
    expect(seen).toEqual([outside.traceId, outside.traceId])
    const records = await sdk.records()
    const ours = records.filter((each) => 'messaging.message.id' in each.attributes)
    expect(ours.map((each) => [each.eventName, each.spanContext?.traceId])).toEqual(
      [
        'plainsight.attempt.started',
        'messaging.process.exception',
        'plainsight.attempt.failed',
        'plainsight.attempt.started',
        'plainsight.task.succeeded',
      ].map((name) => [name, outside.traceId]),
    )
    const durations = (await sdk.points()).filter(
      (each) => each.name === 'messaging.process.duration',
    )
    expect(durations.map((each) => each.attributes['error.type'])).toEqual(['TypeError', undefined])
  })
})

describe('9 isolation', () => {
  const task = defineTask({ name: 'job', run: () => 1 })

  it('no attempt inherits the span of the request that happened to start the executor', async () => {
    const { executor, sdk } = start([task], { propagation: 'link' })
    const tracer = sdk.tracerProvider.getTracer('test')
    const request = tracer.startSpan('GET /')
    await context.with(trace.setSpan(context.active(), request), async () => {
      await (await executor.enqueue(task)).result()
    })
    request.end()
    await (await executor.enqueue(task)).result()
    await executor.close()
    const spans = await sdk.spans()
    const attempts = named(spans, 'process job')
    expect(attempts.map((span) => span.parentSpanContext)).toEqual([undefined, undefined])
    const [first, second] = named(spans, 'enqueue job')
    expect(first?.parentSpanContext?.spanId).toBe(idOf(named(spans, 'GET /')[0]))
    expect(second?.parentSpanContext).toBeUndefined()
  })

  it('an idle executor whose store makes spans emits none; what it stores for an enqueue is inside that span', async () => {
    const sdk = memorySdk()
    const tracer = sdk.tracerProvider.getTracer('instrumented-store')
    const store = memoryBackend()
    let calls = 0
    const traced = new Proxy(store, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          calls += 1
          return tracer.startActiveSpan(`store ${String(name)}`, (span) => {
            try {
              return (value as (...all: unknown[]) => unknown).apply(target, args)
            } finally {
              span.end()
            }
          })
        }
      },
    })
    const clock = manualClock()
    const observers = [otelObserver(sdk.providers)]
    const executor = createExecutor({ tasks: [task], backend: traced, clock, observers })
    await executor.start()
    // The store is opened before there is an observer to hide it.
    const atStart = (await sdk.spans()).length
    await clock.advance(120_000)
    expect(calls).toBeGreaterThan(20)
    expect((await sdk.spans()).slice(atStart).map((span) => span.name)).toEqual([])
    await (await executor.enqueue(task)).result()
    const spans = await sdk.spans()
    await executor.close()
    const [enqueue] = named(spans, 'enqueue job')
    const stored = spans.slice(atStart).filter((span) => span.name.startsWith('store '))
    expect(stored.map((span) => [span.name, span.parentSpanContext?.spanId])).toEqual([
      ['store insert', idOf(enqueue)],
    ])
  })
})
