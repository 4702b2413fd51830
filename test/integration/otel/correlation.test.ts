import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { pino } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  createExecutor,
  defineTask,
  taskFields,
  taskLog,
  withContext,
  type TaskHandle,
} from '../../../src/index.ts'
import { otelObserver } from '../../../src/otel.ts'
import { taskMixin } from '../../../src/pino.ts'
import { startChild } from '../../support/child.ts'
import { memorySdk, registerContext } from '../../support/otel-sdk.ts'
import { otlpReceiver } from '../../support/otlp-receiver.ts'

registerContext()

const TASKS = 1_000
const REQUESTS = 50

type Line = Readonly<Record<string, unknown>>

const keyOf = (attributes: Line): string =>
  `${attributes['messaging.message.id'] as string}:${attributes['plainsight.task.attempt'] as number}`

describe('3 correlation', () => {
  it(`${TASKS} tasks of ${REQUESTS} concurrent requests, with retries: every record, span and line is its attempt's`, async () => {
    const sdk = memorySdk()
    const tracer = sdk.tracerProvider.getTracer('user')
    const lines: Line[] = []
    const stream = { write: (text: string): void => void lines.push(JSON.parse(text) as Line) }
    const logger = pino({ level: 'debug', mixin: taskMixin() }, stream)
    const fields: (Line & { readonly own: string })[] = []
    const runs = new Map<string, number>()
    const handlers: (() => void)[] = []

    const task = defineTask({
      name: 'job',
      retries: 2,
      backoff: { delay: 2, jitter: 'none' },
      async run({ request, index }: { request: number; index: number }, { taskId, attempt }) {
        const key = `${taskId}:${attempt}`
        taskLog('begun', { key, request })
        logger.info({ key }, 'line')
        await sleep(index % 5)
        await tracer.startActiveSpan('user work', { attributes: { key } }, async (span) => {
          await sleep(index % 3)
          taskLog.debug('within', { key })
          logger.debug({ key }, 'line within')
          span.end()
        })
        // One attempt's continuation is called by another's.
        const called = new Promise<void>((resolve) => void handlers.push(resolve))
        if (handlers.length > 20) for (const each of handlers.splice(0)) each()
        await Promise.race([called, sleep(5)])
        fields.push({ ...taskFields(), own: key })
        const run = (runs.get(taskId) ?? 0) + 1
        runs.set(taskId, run)
        if (run <= index % 3) throw new RangeError(`run ${run}`)
        return request
      },
    })
    const executor = createExecutor({
      tasks: [task],
      concurrency: 100,
      observers: [otelObserver({ ...sdk.providers, minLevel: 'debug' })],
    })
    const faults: unknown[] = []
    executor.events.on('observer.error', (event) => faults.push(event.error))

    const requestOf = new Map<string, string>()
    const request = async (number: number): Promise<void> => {
      const span = tracer.startSpan(`request ${number}`, { kind: SpanKind.SERVER }, ROOT_CONTEXT)
      const within = trace.setSpan(ROOT_CONTEXT, span)
      await context.with(within, () =>
        withContext({ requestId: `r${number}` }, async () => {
          const handles: TaskHandle<number>[] = []
          for (let index = 0; index < TASKS / REQUESTS; index++) {
            handles.push(await executor.enqueue(task, { request: number, index }))
            await sleep(index % 2)
          }
          for (const handle of handles) {
            requestOf.set(handle.id, span.spanContext().traceId)
            expect(await handle.result()).toBe(number)
          }
        }),
      )
      span.end()
    }
    await Promise.all(Array.from({ length: REQUESTS }, (_item, number) => request(number)))
    await executor.close()
    expect(faults).toEqual([])

    const spans = await sdk.spans()
    const attempts = new Map<string, ReadableSpan>()
    for (const span of spans.filter(({ name }) => name === 'process job')) {
      attempts.set(keyOf(span.attributes), span)
    }
    // 20 tasks a request, of which every third fails once and every third twice.
    expect(attempts.size).toBe(REQUESTS * (20 + 7 + 2 * 6))
    const traceOf = (key: string): string | undefined => requestOf.get(key.split(':')[0] ?? '')
    const spanOf = (key: string): string | undefined => attempts.get(key)?.spanContext().spanId

    const work = new Map<string, string>()
    for (const span of spans.filter(({ name }) => name === 'user work')) {
      const key = span.attributes['key'] as string
      work.set(key, span.spanContext().spanId)
      expect(span.parentSpanContext?.spanId).toBe(spanOf(key))
    }
    expect(work.size).toBe(attempts.size)
    for (const [key, span] of attempts) expect(span.spanContext().traceId).toBe(traceOf(key))

    const wrong: unknown[] = []
    let checked = 0
    for (const { eventName, body, attributes, spanContext } of await sdk.records()) {
      const id = attributes['messaging.message.id'] as string | undefined
      if (id === undefined) continue
      const key = keyOf(attributes)
      const expected =
        body === 'within'
          ? work.get(key)
          : eventName === 'plainsight.task.enqueued'
            ? spans
                .find(
                  (span) =>
                    span.name === 'enqueue job' && span.attributes['messaging.message.id'] === id,
                )
                ?.spanContext().spanId
            : spanOf(key)
      const isRight =
        spanContext?.spanId === expected &&
        spanContext?.traceId === traceOf(key) &&
        (attributes['key'] === undefined || attributes['key'] === key)
      checked += 1
      if (!isRight) wrong.push([eventName ?? body, key, spanContext?.spanId, expected])
    }
    expect(wrong).toEqual([])
    // Of each attempt: started, two lines, its end (failed, exception, retrying; or succeeded); of each task: enqueued.
    expect(checked).toBe(TASKS + attempts.size * 4 + (attempts.size - TASKS) * 2)

    expect(lines).toHaveLength(attempts.size * 2)
    for (const line of lines) {
      const key = line['key'] as string
      const [taskId, attempt] = key.split(':')
      expect(line).toMatchObject({
        taskId,
        taskName: 'job',
        attempt: Number(attempt),
        trace_id: traceOf(key),
        span_id: line['msg'] === 'line within' ? work.get(key) : spanOf(key),
        context: { requestId: expect.stringMatching(/^r\d+$/) as string },
      })
    }
    for (const { own, ...rest } of fields)
      expect(rest).toMatchObject({ trace_id: traceOf(own), span_id: spanOf(own) })
  }, 60_000)

  it('with the instrumentations of pino and fetch: nothing is said twice, and a request of the task is its child', async () => {
    const receiver = await otlpReceiver()
    const program = join(import.meta.dirname, 'instrumented-program.ts')
    const child = startChild(program, [receiver.url])
    const line = (await child.line('{"level":30')).trim()
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
    const [attempt] = receiver.spans.filter((span) => span.name === 'process job')
    const [fetched] = receiver.spans.filter((span) => span.scope.name.includes('undici'))
    expect(fetched?.parentSpanId).toBe(attempt?.spanId)
    expect(JSON.parse(line)).toMatchObject({
      taskName: 'job',
      attempt: 0,
      trace_id: attempt?.traceId,
      span_id: attempt?.spanId,
      msg: 'hello',
    })
    for (const name of ['trace_id', 'span_id', 'taskId', 'attempt'])
      expect(line.split(`"${name}"`)).toHaveLength(2)
    const forwarded = receiver.records.filter((record) => record.body === 'hello')
    expect(forwarded.map((record) => [record.traceId, record.spanId])).toEqual([
      [attempt?.traceId, attempt?.spanId],
    ])
    await receiver.close()
  })
})

describe('5 propagators', () => {
  it('baggage of another request never reaches an attempt', async () => {
    const sdk = memorySdk()
    const seen: (string | undefined)[] = []
    const task = defineTask({
      name: 'job',
      run: () => void seen.push(propagation.getActiveBaggage()?.getEntry('tenant')?.value),
    })
    const executor = createExecutor({ tasks: [task], observers: [otelObserver(sdk.providers)] })
    const enqueueFor = async (tenant: string | undefined): Promise<void> => {
      const baggage = propagation.createBaggage(
        tenant === undefined ? {} : { tenant: { value: tenant } },
      )
      await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), async () => {
        await (await executor.enqueue(task)).result()
      })
    }
    for (const tenant of ['a', undefined, 'b']) await enqueueFor(tenant)
    await executor.close()
    expect(seen).toEqual(['a', undefined, 'b'])
  })
})
