import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createExecutor, defineTask, taskFields, withContext } from '../../../src/index.ts'
import { otelObserver } from '../../../src/otel.ts'
import { pinoObserver, taskMixin } from '../../../src/pino.ts'
import { memorySdk, registerContext } from '../../support/otel-sdk.ts'

registerContext()
// It is who knows the active span.
otelObserver()

type Line = Readonly<Record<string, unknown>>

function logger(options: object = {}): {
  lines: Line[]
  texts: string[]
  logger: ReturnType<typeof pino>
} {
  const lines: Line[] = []
  const texts: string[] = []
  const stream = {
    write(text: string): void {
      texts.push(text)
      lines.push(JSON.parse(text) as Line)
    },
  }
  return { lines, texts, logger: pino({ mixin: taskMixin(), ...options }, stream) }
}

const TRACE = 'a'.repeat(32)

describe('taskFields', () => {
  it('says nothing outside of everything', () => {
    expect(taskFields()).toEqual({})
  })

  it('outside a task says the bound fields, and the active span', () => {
    const spanContext = { traceId: TRACE, spanId: 'b'.repeat(16), traceFlags: 1 }
    withContext({ requestId: 'r1', user: { id: 7 } }, () => {
      expect(taskFields()).toEqual({ context: { requestId: 'r1', user: { id: 7 } } })
      context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), () => {
        expect(taskFields()).toEqual({
          trace_id: TRACE,
          span_id: 'b'.repeat(16),
          context: { requestId: 'r1', user: { id: 7 } },
        })
      })
    })
  })

  it('in a task says its id, name and attempt, and the trace that it came from when no span is active', async () => {
    const seen: unknown[] = []
    const task = defineTask({
      name: 'job',
      retries: 1,
      backoff: { delay: 1 },
      run(_input: undefined, { attempt }) {
        seen.push(taskFields())
        if (attempt === 0) throw new Error('once')
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [] })
    const traceContext = { traceparent: `00-${TRACE}-${'b'.repeat(16)}-01` }
    const handle = await withContext({ requestId: 'r1' }, () =>
      executor.enqueue(task, undefined, { traceContext }),
    )
    await handle.result()
    await executor.close()
    const fields = {
      taskId: handle.id,
      taskName: 'job',
      trace_id: TRACE,
      context: { requestId: 'r1' },
    }
    expect(seen).toEqual([
      { ...fields, attempt: 0 },
      { ...fields, attempt: 1 },
    ])
  })

  it('with the OpenTelemetry observer says the span of the attempt', async () => {
    const sdk = memorySdk()
    let seen: ReturnType<typeof taskFields> = {}
    const task = defineTask({
      name: 'job',
      run() {
        seen = taskFields()
      },
    })
    const observers = [otelObserver({ ...sdk.providers, propagation: 'link' })]
    const executor = createExecutor({ tasks: [task], observers })
    await (await executor.enqueue(task)).result()
    await executor.close()
    const span = (await sdk.spans()).find((each) => each.name === 'process job')
    expect(seen).toMatchObject({
      trace_id: span?.spanContext().traceId,
      span_id: span?.spanContext().spanId,
    })
  })

  it('is fresh each time, so a logger may change what it is given', () => {
    withContext({ user: { name: 'Ada' } }, () => {
      const fields = taskFields()
      const user = fields.context?.['user'] as { name: string }
      user.name = '[redacted]'
      expect(taskFields().context).toEqual({ user: { name: 'Ada' } })
    })
  })

  it('never throws for a carrier that is none', async () => {
    let seen: unknown
    const task = defineTask({
      name: 'job',
      run() {
        seen = taskFields().trace_id
      },
    })
    const executor = createExecutor({ tasks: [task], observers: [] })
    await (
      await executor.enqueue(task, undefined, { traceContext: { traceparent: 'zz' } })
    ).result()
    await executor.close()
    expect(seen).toBeUndefined()
  })
})

describe('taskMixin', () => {
  it('puts the fields on every line of a task and of the request around it, and redaction reaches them', async () => {
    const { lines, logger: log } = logger({ redact: ['context.token'] })
    const task = defineTask({ name: 'job', run: () => log.info('in the task') })
    const executor = createExecutor({ tasks: [task], observers: [] })
    log.info('outside')
    const handle = await withContext({ requestId: 'r1', token: 'secret' }, async () => {
      log.info('in the request')
      return executor.enqueue(task)
    })
    await handle.result()
    await executor.close()
    const bound = { requestId: 'r1', token: '[Redacted]' }
    expect(
      lines.map(({ msg, taskId, taskName, attempt, context: own }) => [
        msg,
        taskId,
        taskName,
        attempt,
        own,
      ]),
    ).toEqual([
      ['outside', undefined, undefined, undefined, undefined],
      ['in the request', undefined, undefined, undefined, bound],
      ['in the task', handle.id, 'job', 0, bound],
    ])
  })

  it('says nothing twice on the lines of pinoObserver, whose fields win', async () => {
    const { texts, logger: log } = logger()
    const task = defineTask({
      name: 'job',
      run: (_input: undefined, context_) => context_.log('hello'),
    })
    const executor = createExecutor({ tasks: [task], observers: [pinoObserver(log)] })
    const handle = await withContext({ requestId: 'r1' }, () => executor.enqueue(task))
    await handle.result()
    await executor.close()
    const line = texts.find((text) => text.includes('hello')) ?? ''
    for (const name of ['taskId', 'taskName', 'attempt', 'context', 'requestId'])
      expect(line.split(`"${name}"`)).toHaveLength(2)
  })
})
