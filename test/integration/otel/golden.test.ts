import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SCHEMA_URL } from '../../../src/observers/otel/semconv.ts'
import { startChild } from '../../support/child.ts'
import {
  otlpReceiver,
  type Receiver,
  type WireRecord,
  type WireSpan,
} from '../../support/otlp-receiver.ts'

const program = join(import.meta.dirname, 'golden-program.ts')
const REMOTE_TRACE = 'a'.repeat(32)
const REMOTE_SPAN = 'b'.repeat(16)

let directory = ''
let receiver: Receiver

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-golden-'))
  receiver = await otlpReceiver()
})
afterEach(async () => {
  await receiver.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Both lives, one after the other. Answers the carrier that the record had. */
async function live(style: string): Promise<Record<string, string>> {
  const path = join(directory, 'tasks.db')
  const web = startChild(program, ['web', path, receiver.url, style])
  const carrier = (await web.line('carrier ')).slice('carrier '.length)
  expect(await web.line('end ')).toBe('end {"ok":true,"errors":[]}')
  expect(await web.ended).toMatchObject({ code: 0, stderr: '' })
  const worker = startChild(program, ['worker', path, receiver.url, style])
  expect(await worker.line('end ')).toBe('end {"ok":true,"errors":[]}')
  expect(await worker.ended).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(carrier) as Record<string, string>
}

const one = (name: string, attempt?: number): WireSpan => {
  const found = receiver.spans.filter(
    (span) =>
      span.name === name &&
      (attempt === undefined || span.attributes['plainsight.task.attempt'] === attempt),
  )
  expect(found.map((span) => span.name)).toEqual([name])
  return found[0] as WireSpan
}

const service = (of: { readonly resource: Readonly<Record<string, unknown>> }): unknown =>
  of.resource['service.name']
const durations = (record: WireRecord): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(record.attributes).filter(([key, value]) => {
      if (!/duration|delay|stacktrace/.test(key)) return true
      expect(typeof value).toBe(key.endsWith('stacktrace') ? 'string' : 'number')
      return false
    }),
  )

describe('2 the golden tree over the wire, from two processes', () => {
  it('request → enqueue → attempt 0 fails → restart → attempt 1 succeeds: every field as published', async () => {
    const carrier = await live('auto')
    const enqueue = one('enqueue send-email')
    const [first, second] = [one('process send-email', 0), one('process send-email', 1)]
    const server = one('POST /signup')
    const rendered = receiver.spans.filter((span) => span.name === 'render template')
    const taskId = enqueue.attributes['messaging.message.id']
    expect(receiver.spans).toHaveLength(6)
    expect(new Set(receiver.spans.map((span) => span.traceId))).toEqual(new Set([REMOTE_TRACE]))
    expect(carrier).toEqual({
      traceparent: `00-${REMOTE_TRACE}-${enqueue.spanId}-01`,
      tracestate: 'vendor=1',
      baggage: 'tenant=acme',
    })

    const ours = [enqueue, first, second].map((span) => ({
      service: service(span),
      kind: span.kind,
      parent: span.parentSpanId,
      isParentRemote: (span.flags & 0x300) === 0x300,
      traceState: span.traceState,
      status: span.status,
      links: span.links.map((link) => [
        link.spanId,
        link.traceId === REMOTE_TRACE,
        link.attributes,
      ]),
      events: span.events,
      attributes: span.attributes,
      scope: span.scope,
      schemaUrl: span.schemaUrl,
    }))
    const common = {
      'messaging.system': 'plainsight',
      'messaging.destination.name': 'default',
      'messaging.message.id': taskId,
      'plainsight.task.name': 'send-email',
      'plainsight.task.priority': 0,
      'plainsight.task.source': 'api',
      'plainsight.task.tag.plan': 'pro',
    }
    const process_ = {
      ...common,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'plainsight.task.max_attempts': 2,
    }
    const everywhere = {
      traceState: 'vendor=1',
      events: [],
      scope: { name: 'plainsight', version: '0.1.0' },
      schemaUrl: SCHEMA_URL,
    }
    const creation = [enqueue.spanId, true, { 'plainsight.link.type': 'creation' }]
    expect(ours).toEqual([
      {
        ...everywhere,
        service: 'shop-web',
        kind: 'PRODUCER',
        parent: server.spanId,
        isParentRemote: false,
        status: { code: 'UNSET', message: '' },
        links: [],
        attributes: {
          ...common,
          'messaging.operation.name': 'enqueue',
          'messaging.operation.type': 'send',
        },
      },
      {
        ...everywhere,
        service: 'shop-web',
        kind: 'CONSUMER',
        parent: enqueue.spanId,
        isParentRemote: true,
        status: { code: 'ERROR', message: 'smtp down' },
        links: [creation],
        attributes: {
          ...process_,
          'plainsight.task.attempt': 0,
          'plainsight.task.outcome': 'retry',
          'error.type': 'TypeError',
        },
      },
      {
        ...everywhere,
        service: 'shop-worker',
        kind: 'CONSUMER',
        parent: enqueue.spanId,
        isParentRemote: true,
        status: { code: 'UNSET', message: '' },
        links: [creation, [first.spanId, true, { 'plainsight.link.type': 'previous_attempt' }]],
        attributes: {
          ...process_,
          'plainsight.task.attempt': 1,
          'plainsight.task.outcome': 'succeeded',
        },
      },
    ])
    expect(server).toMatchObject({ kind: 'SERVER', parentSpanId: REMOTE_SPAN })
    expect(rendered.map((span) => [span.kind, span.parentSpanId])).toEqual([
      ['INTERNAL', first.spanId],
      ['INTERNAL', second.spanId],
    ])

    const [child0, child1] = rendered.map((span) => span.spanId)
    const mine = receiver.records.filter(
      (record) => record.attributes['messaging.message.id'] === taskId,
    )
    const event = { 'messaging.message.id': taskId, 'plainsight.task.name': 'send-email' }
    const at = (attempt: number): object => ({ ...event, 'plainsight.task.attempt': attempt })
    const line = (attempt: number): object => ({
      ...at(attempt),
      user: { id: 7, roles: ['a', 'b'] },
    })
    const failed = { ...at(0), 'error.type': 'TypeError' }
    expect(
      mine.map((record) => [
        service(record),
        record.eventName || record.body,
        record.severityNumber,
        record.severityText,
        record.spanId,
        durations(record),
      ]),
    ).toEqual([
      [
        'shop-web',
        'plainsight.task.enqueued',
        5,
        '',
        enqueue.spanId,
        { ...at(0), 'plainsight.task.source': 'api' },
      ],
      ['shop-web', 'plainsight.attempt.started', 9, '', first.spanId, at(0)],
      ['shop-web', 'rendering', 9, 'info', first.spanId, line(0)],
      ['shop-web', 'in child span', 5, 'debug', child0, at(0)],
      [
        'shop-web',
        'messaging.process.exception',
        13,
        '',
        first.spanId,
        { ...failed, 'exception.type': 'TypeError', 'exception.message': 'smtp down' },
      ],
      [
        'shop-web',
        'plainsight.attempt.failed',
        13,
        '',
        first.spanId,
        { ...failed, 'plainsight.task.failure.reason': 'error' },
      ],
      ['shop-web', 'plainsight.task.retrying', 5, '', first.spanId, at(0)],
      ['shop-worker', 'plainsight.attempt.started', 9, '', second.spanId, at(1)],
      ['shop-worker', 'rendering', 9, 'info', second.spanId, line(1)],
      ['shop-worker', 'in child span', 5, 'debug', child1, at(1)],
      [
        'shop-worker',
        'plainsight.task.succeeded',
        9,
        '',
        second.spanId,
        { ...at(1), 'plainsight.task.result.size': 6 },
      ],
    ])
    expect(new Set(mine.map((record) => record.traceId))).toEqual(new Set([REMOTE_TRACE]))
    const scopes = [...receiver.records, ...receiver.points].filter(
      ({ scope }) => scope.name !== 'shop',
    )
    expect(
      new Set(scopes.map(({ scope, schemaUrl }) => `${scope.name} ${scope.version} ${schemaUrl}`)),
    ).toEqual(new Set([`plainsight 0.1.0 ${SCHEMA_URL}`]))
    const signals = receiver.requests.map(({ signal, headers }) => [
      signal,
      headers['content-type'],
    ])
    for (const signal of ['traces', 'logs', 'metrics'])
      expect(signals).toContainEqual([signal, 'application/x-protobuf'])
  })

  it('link: each attempt is a trace of its own, with the same links', async () => {
    await live('link')
    const enqueue = one('enqueue send-email')
    const [first, second] = [one('process send-email', 0), one('process send-email', 1)]
    expect(new Set([enqueue.traceId, first.traceId, second.traceId]).size).toBe(3)
    expect([first.parentSpanId, second.parentSpanId]).toEqual(['', ''])
    expect(
      [first, second].map(({ links }) => links.map((link) => [link.traceId, link.spanId])),
    ).toEqual([
      [[enqueue.traceId, enqueue.spanId]],
      [
        [enqueue.traceId, enqueue.spanId],
        [first.traceId, first.spanId],
      ],
    ])
  })
})
