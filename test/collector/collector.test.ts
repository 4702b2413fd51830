import { beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { blocksOf } from '../package/doc-blocks.ts'
import type { Written, WrittenRecord, WrittenSpan } from './otlp-file.ts'
import {
  publishedBounds,
  publishedLevels,
  publishedMetrics,
  publishedRecords,
  publishedSchemaUrl,
  publishedSpans,
  publishedTypes,
} from './published-table.ts'
import { REMOTE_SPAN, REMOTE_TRACE, runShop } from './shop-run.ts'
import { spanTree } from './span-tree.ts'

const TAG = 'plainsight.task.tag.'

let written: Written
let ours: Written
/** Of spans and tasks, by their ids. */
let names: ReadonlyMap<string, string>

beforeAll(async () => {
  written = await runShop()
  const isOurs = ({ scope }: { readonly scope: { readonly name: string } }): boolean =>
    scope.name === 'plainsight'
  ours = {
    spans: written.spans.filter(isOurs),
    records: written.records.filter(isOurs),
    points: written.points.filter(isOurs),
  }
  names = new Map([
    ['', 'none'],
    [REMOTE_SPAN, 'caller'],
    ...written.spans.map((span): [string, string] => [span.spanId, nameOf(span)]),
    ...ours.spans.map((span): [string, string] => [
      String(span.attributes['messaging.message.id']),
      String(span.attributes['plainsight.task.name']),
    ]),
  ])
})

/** With the attempt, where there are several. */
function nameOf(span: WrittenSpan): string {
  const instance = String(span.resource['service.instance.id'])
  return span.name.startsWith('enqueue') ? span.name : `${span.name} by ${instance}`
}

/** Ids are made up anew each time: their names are what is compared. */
function named(id: unknown): string {
  return names.get(String(id)) ?? 'a span that never came'
}

const instanceOf = ({ resource }: { readonly resource: object }): unknown =>
  (resource as Record<string, unknown>)['service.instance.id']

describe('what a Collector received of a shop whose worker was killed', () => {
  it('spans: names, kinds, parents, links, status and attributes', () => {
    const task = (name: string): object => ({
      'messaging.system': 'plainsight',
      'messaging.destination.name': 'default',
      'messaging.message.id': name,
      'plainsight.task.name': name,
      'plainsight.task.priority': 0,
      'plainsight.task.source': 'api',
      ...(name === 'send-email' ? { 'plainsight.task.tag.plan': 'pro' } : {}),
    })
    const send = { 'messaging.operation.name': 'enqueue', 'messaging.operation.type': 'send' }
    const process_ = (attempt: number, outcome: string): object => ({
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'plainsight.task.max_attempts': 2,
      'plainsight.task.attempt': attempt,
      'plainsight.task.outcome': outcome,
    })
    const plain = { links: [], status: { code: 'UNSET', message: '' } }
    const creation = (of: string): object => ({
      to: `enqueue ${of}`,
      attributes: { 'plainsight.link.type': 'creation' },
    })
    const previous = {
      to: 'process send-email by worker-1',
      attributes: { 'plainsight.link.type': 'previous_attempt' },
    }
    const actual = written.spans.map((span) => ({
      name: nameOf(span),
      kind: span.kind,
      parent: named(span.parentSpanId),
      isParentRemote: span.isParentRemote,
      links: span.links.map((link) => ({ to: named(link.spanId), attributes: link.attributes })),
      status: span.status,
      attributes: withTaskName(span.attributes),
    }))
    const remote = { parent: 'caller', isParentRemote: true }
    const request = { parent: 'POST /signup by web-1', isParentRemote: false, kind: 'PRODUCER' }
    const consumer = { kind: 'CONSUMER', isParentRemote: true }
    const rendered = { kind: 'INTERNAL', isParentRemote: false, attributes: {}, ...plain }
    expect(inOrderOf(actual)).toEqual(
      inOrderOf([
        { name: 'POST /signup by web-1', kind: 'SERVER', ...remote, ...plain, attributes: {} },
        {
          name: 'enqueue build-invoice',
          ...request,
          ...plain,
          attributes: { ...task('build-invoice'), ...send },
        },
        {
          name: 'enqueue send-email',
          ...request,
          ...plain,
          attributes: { ...task('send-email'), ...send },
        },
        {
          name: 'process send-email by worker-1',
          ...consumer,
          parent: 'enqueue send-email',
          links: [creation('send-email')],
          status: { code: 'ERROR', message: 'smtp down' },
          attributes: {
            ...task('send-email'),
            ...process_(0, 'retry'),
            'error.type': 'TypeError',
          },
        },
        {
          name: 'render template by worker-1',
          ...rendered,
          parent: 'process send-email by worker-1',
        },
        // The attempt that was killed has no span, so there is nothing before this one to link to.
        {
          name: 'process build-invoice by worker-2',
          ...consumer,
          parent: 'enqueue build-invoice',
          links: [creation('build-invoice')],
          status: plain.status,
          attributes: {
            ...task('build-invoice'),
            ...process_(1, 'succeeded'),
            'plainsight.task.recoveries': 1,
          },
        },
        {
          name: 'process send-email by worker-2',
          ...consumer,
          parent: 'enqueue send-email',
          links: [creation('send-email'), previous],
          status: plain.status,
          attributes: { ...task('send-email'), ...process_(1, 'succeeded') },
        },
        {
          name: 'render template by worker-2',
          ...rendered,
          parent: 'process send-email by worker-2',
        },
      ]),
    )
    for (const { traceId, traceState, eventCount, start, end, links } of written.spans) {
      expect({ traceId, traceState, eventCount }).toEqual({
        traceId: REMOTE_TRACE,
        traceState: 'vendor=1',
        eventCount: 0,
      })
      expect(end > start).toBe(true)
      for (const link of links) expect(link.traceId).toBe(REMOTE_TRACE)
    }
  })

  it('log records: name, severity, body, span and attributes, in the order of what happened', () => {
    const lost = 'a span that never came'
    const [web, first, second] = ['web-1', 'worker-1', 'worker-2']
    const invoice = (attempt: number, more = {}): object => event('build-invoice', attempt, more)
    const email = (attempt: number, more = {}): object => event('send-email', attempt, more)
    const failed = { 'error.type': 'TypeError' }
    const reason = { 'plainsight.task.failure.reason': 'error' }
    const user = { user: { id: 7, roles: ['a', 'b'] } }
    const api = { 'plainsight.task.source': 'api' }
    const exception = { 'exception.type': 'TypeError', 'exception.message': 'smtp down' }
    const by = (worker: string): string => `process send-email by ${worker}`
    const actual = ours.records.map((record) => [
      instanceOf(record),
      record.eventName || `line: ${String(record.body)}`,
      record.severityNumber,
      record.severityText,
      named(record.spanId),
      withoutNumbers(record),
    ])
    const of = (instance: string, task?: string): readonly unknown[] =>
      actual.filter(
        ([where, , , , , attributes]) =>
          where === instance &&
          (attributes as Record<string, unknown>)['plainsight.task.name'] === task,
      )
    expect(of(web)).toEqual([
      [web, 'plainsight.executor.started', 9, '', 'none', {}],
      [web, 'plainsight.executor.closed', 9, '', 'none', {}],
    ])
    expect(of(web, 'build-invoice')).toEqual([
      [web, 'plainsight.task.enqueued', 5, '', 'enqueue build-invoice', invoice(0, api)],
    ])
    expect(of(web, 'send-email')).toEqual([
      [web, 'plainsight.task.enqueued', 5, '', 'enqueue send-email', email(0, api)],
    ])
    const paused = { 'plainsight.queue.name': '*' }
    expect(of(first)).toEqual([
      [first, 'plainsight.executor.started', 9, '', 'none', {}],
      [first, 'plainsight.queue.paused', 9, '', 'none', paused],
    ])
    // All that is left of the attempt that was killed.
    expect(of(first, 'build-invoice')).toEqual([
      [first, 'plainsight.attempt.started', 9, '', lost, invoice(0)],
      [first, 'line: building', 9, 'info', lost, invoice(0, { order: 42 })],
    ])
    expect(of(first, 'send-email')).toEqual([
      [first, 'plainsight.attempt.started', 9, '', by(first), email(0)],
      [first, 'line: rendering', 13, 'warning', by(first), email(0, user)],
      [first, 'line: in child span', 5, 'debug', `render template by ${first}`, email(0)],
      [
        first,
        'messaging.process.exception',
        13,
        '',
        by(first),
        email(0, { ...failed, ...exception }),
      ],
      [first, 'plainsight.attempt.failed', 13, '', by(first), email(0, { ...failed, ...reason })],
      [first, 'plainsight.task.retrying', 5, '', by(first), email(0)],
    ])
    expect(of(second)).toEqual([
      [second, 'plainsight.executor.started', 9, '', 'none', {}],
      [second, 'plainsight.executor.closed', 9, '', 'none', {}],
    ])
    const recovered = 'process build-invoice by worker-2'
    const crash = { 'plainsight.task.interrupt.reason': 'crash' }
    const size = (bytes: number): object => ({ 'plainsight.task.result.size': bytes })
    expect(of(second, 'build-invoice')).toEqual([
      [second, 'plainsight.task.requeued', 13, '', 'enqueue build-invoice', invoice(0, crash)],
      [second, 'plainsight.attempt.started', 9, '', recovered, invoice(1)],
      [second, 'line: building', 9, 'info', recovered, invoice(1, { order: 42 })],
      [second, 'plainsight.task.succeeded', 9, '', recovered, invoice(1, size(13))],
    ])
    expect(of(second, 'send-email')).toEqual([
      [second, 'plainsight.attempt.started', 9, '', by(second), email(1)],
      [second, 'line: rendering', 13, 'warning', by(second), email(1, user)],
      [second, 'line: in child span', 5, 'debug', `render template by ${second}`, email(1)],
      [second, 'plainsight.task.succeeded', 9, '', by(second), email(1, size(6))],
    ])
    for (const record of ours.records) {
      expect(record.traceId).toBe(record.spanId === '' ? '' : REMOTE_TRACE)
      expect(record.body).toMatch(/^\S.{5,}$/)
    }
  })

  it('log records: their times are in the order of what happened', () => {
    for (const task of ['build-invoice', 'send-email']) {
      const times = ours.records
        .filter(({ attributes }) => attributes['plainsight.task.name'] === task)
        .map(({ time, eventName }) => [time, eventName] as const)
      expect(times.toSorted(([a], [b]) => Number(a - b))).toEqual(times)
    }
  })

  it('metrics: what each process counted', () => {
    const counted = ours.points.map(({ name, value, attributes, ...point }) => {
      const words = Object.values(attributes).filter((value) => value !== 'plainsight')
      return `${String(instanceOf(point))} ${name} ${words.join(' ')}: ${value}`.replace(' :', ':')
    })
    const [send, run] = ['enqueue send default', 'process process default']
    const active = (instance: string, running: number, retrying: number): readonly string[] => [
      `${instance} plainsight.task.active queued: 0`,
      `${instance} plainsight.task.active scheduled: 0`,
      `${instance} plainsight.task.active running: ${running}`,
      `${instance} plainsight.task.active retrying: ${retrying}`,
    ]
    expect(counted.toSorted()).toEqual(
      [
        ...active('web-1', 0, 0),
        'web-1 plainsight.worker.limit: 0',
        'web-1 plainsight.worker.usage: 0',
        `web-1 messaging.client.sent.messages ${send} build-invoice: 1`,
        `web-1 messaging.client.sent.messages ${send} send-email: 1`,
        `web-1 messaging.client.operation.duration ${send} build-invoice: 1`,
        `web-1 messaging.client.operation.duration ${send} send-email: 1`,
        // Before the kill: one runs, and one waits for its retry.
        ...active('worker-1', 1, 1),
        'worker-1 plainsight.worker.limit: 10',
        'worker-1 plainsight.worker.usage: 1',
        `worker-1 messaging.client.consumed.messages ${run} build-invoice: 1`,
        `worker-1 messaging.client.consumed.messages ${run} send-email: 1`,
        `worker-1 messaging.process.duration ${run} send-email TypeError: 1`,
        `worker-1 plainsight.task.wait.duration ${run} build-invoice: 1`,
        `worker-1 plainsight.task.wait.duration ${run} send-email: 1`,
        `worker-1 plainsight.task.retries ${run} send-email: 1`,
        ...active('worker-2', 0, 0),
        'worker-2 plainsight.worker.limit: 0',
        'worker-2 plainsight.worker.usage: 0',
        `worker-2 messaging.client.consumed.messages ${run} build-invoice: 1`,
        `worker-2 messaging.client.consumed.messages ${run} send-email: 1`,
        `worker-2 messaging.process.duration ${run} build-invoice: 1`,
        `worker-2 messaging.process.duration ${run} send-email: 1`,
        `worker-2 plainsight.task.wait.duration ${run} build-invoice: 1`,
        `worker-2 plainsight.task.wait.duration ${run} send-email: 1`,
        `worker-2 plainsight.task.duration ${run} build-invoice succeeded: 1`,
        `worker-2 plainsight.task.duration ${run} send-email succeeded: 1`,
        `worker-2 plainsight.task.stalls ${run} build-invoice: 1`,
      ].toSorted(),
    )
  })

  it('resource, scope and schema: on every signal of every process', () => {
    const all = [...ours.spans, ...ours.records, ...ours.points]
    for (const { resource, scope, schemaUrl } of all) {
      expect(scope).toEqual({ name: 'plainsight', version: manifest.version })
      expect(schemaUrl).toBe(publishedSchemaUrl)
      const instance = String(resource['service.instance.id'])
      expect(resource).toMatchObject({
        'service.name': instance.startsWith('web') ? 'shop-web' : 'shop-worker',
        'telemetry.sdk.language': 'nodejs',
        'telemetry.sdk.name': 'opentelemetry',
        'process.runtime.name': 'nodejs',
      })
    }
    for (const signal of [ours.spans, ours.records, ours.points]) {
      expect(new Set(signal.map(instanceOf))).toEqual(new Set(['web-1', 'worker-1', 'worker-2']))
    }
  })
})

describe('the published table, beside what a Collector received', () => {
  it('has each span, with its kind and no attribute less', () => {
    const wrong = ours.spans.flatMap(({ name, kind, attributes }) => {
      const [operation = ''] = name.split(' ')
      const entry = publishedSpans.get(operation)
      const what = entry?.kinds.includes(kind) === true ? [] : [kind]
      return [...what, ...unknownTo(entry?.attributes, attributes)].map((each) => [name, each])
    })
    expect(wrong).toEqual([])
  })

  it('has each log record, with its level and no attribute less', () => {
    const levels = new Map([
      [5, 'debug'],
      [9, 'info'],
      [13, 'warning'],
      [17, 'error'],
    ])
    // Its row names the lowest; the text below the table says when it is more.
    const higher = ['plainsight.attempt.failed', 'plainsight.task.failed']
    const wrong = ours.records.flatMap(({ eventName, severityNumber, attributes }) => {
      const own = eventName === '' ? ['order', 'user'] : []
      const row = [...(publishedRecords.get(eventName) ?? []), ...own]
      const level = levels.get(severityNumber) ?? 'no level'
      const isLevel =
        eventName === '' ||
        higher.includes(eventName) ||
        publishedLevels.get(eventName)?.includes(level) === true
      const what = isLevel ? [] : [level]
      return [...what, ...unknownTo(row, attributes)].map((each) => [eventName, each])
    })
    expect(wrong).toEqual([])
  })

  it('has each metric, with its instrument, unit, description and no attribute less', () => {
    for (const { name, kind, unit, description, attributes, isCumulative, bounds } of ours.points) {
      const { attributes: keys, ...entry } = publishedMetrics.get(name) ?? { attributes: [] }
      expect({ name, kind, unit, description }).toEqual({ name, ...entry })
      expect([name, unknownTo(keys, attributes)]).toEqual([name, []])
      expect(isCumulative).toBe(true)
      expect(bounds).toEqual(kind === 'histogram' ? publishedBounds : [])
    }
  })

  it('has the type of each attribute', () => {
    const wrong = [...ours.spans, ...ours.records].flatMap(({ types }) =>
      Object.entries(types).filter(
        ([key, type]) =>
          !key.startsWith(TAG) &&
          !['order', 'user'].includes(key) &&
          !isOfType(type, publishedTypes.get(key)),
      ),
    )
    expect(wrong).toEqual([])
  })
})

describe('docs/opentelemetry.md', () => {
  it('shows the tree of this very run', () => {
    const block = blocksOf('docs/opentelemetry.md').find(({ kind }) => kind === 'text collector')
    expect(block?.text).toBe(spanTree(written.spans))
  })
})

/** What users do not find when they look an attribute up; tags are said to come besides. */
function unknownTo(keys: readonly string[] | undefined, attributes: object): readonly string[] {
  return Object.keys(attributes).filter((key) => !key.startsWith(TAG) && !keys?.includes(key))
}

function event(task: string, attempt: number, more: object): object {
  return {
    'messaging.message.id': task,
    'plainsight.task.name': task,
    'plainsight.task.attempt': attempt,
    ...more,
  }
}

function withTaskName(attributes: Readonly<Record<string, unknown>>): object {
  const id = attributes['messaging.message.id']
  return id === undefined ? attributes : { ...attributes, 'messaging.message.id': named(id) }
}

/** Measured values are there and make sense; all others are compared. */
function withoutNumbers({ attributes }: WrittenRecord): object {
  const kept = Object.entries(withTaskName(attributes)).filter(([key, value]) => {
    if (key === 'exception.stacktrace') {
      expect(value).toMatch(/^TypeError: smtp down\n {4}at /)
      return false
    }
    if (!/duration|retry\.delay/.test(key)) return true
    expect(value).toBeGreaterThanOrEqual(0)
    expect(value).toBeLessThan(60)
    return false
  })
  return Object.fromEntries(kept)
}

function inOrderOf<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return list.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** The exporter of JavaScript writes a double whose value is whole, such as a wait of 0 s, as an int. */
function isOfType(type: string, published: string | undefined): boolean {
  const expected = published?.replace('boolean', 'bool')
  return type === expected || (expected === 'double' && type === 'int')
}
