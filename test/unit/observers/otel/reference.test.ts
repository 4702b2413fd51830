import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import manifest from '../../../../package.json' with { type: 'json' }
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  EXCEPTION_RECORDS,
  METRICS,
  RECORDS,
  SPANS,
  telemetryReference,
} from '../../../../scripts/telemetry-reference.ts'
import type { EventType, PlainsightEvent } from '../../../../src/events/event.ts'
import { createExecutor, defineTask, type Task } from '../../../../src/index.ts'
import {
  ATTR,
  DURATION_BUCKETS,
  EXCEPTION_EVENT,
  METRIC,
  PREFIX,
  VERSION,
} from '../../../../src/observers/otel/semconv.ts'
import { otelObserver, type OtelObserver } from '../../../../src/otel.ts'
import { sampleEvents } from '../../../../src/testing/sample-events.ts'
import {
  memorySdk,
  registerContext,
  type MemorySdk,
  type SeenPoint,
  type SeenRecord,
} from '../../../support/otel-sdk.ts'

registerContext()

type Name = keyof typeof ATTR
type Attributes = Readonly<Record<string, unknown>>

const keysOf = (list: readonly { readonly attributes: Attributes }[]): string[] => [
  ...new Set(
    list.flatMap(({ attributes }) =>
      Object.keys(attributes).filter((key) => !key.startsWith(PREFIX.tag)),
    ),
  ),
]
const published = (names: readonly Name[]): string[] => names.map((name) => ATTR[name]).toSorted()

let sdk: MemorySdk
let spans: readonly ReadableSpan[] = []
let records: readonly SeenRecord[] = []
let points: readonly SeenPoint[] = []

// Everything that can be emitted, by tasks that do all that tasks can do.
beforeAll(async () => {
  sdk = memorySdk()
  const observer = otelObserver({ ...sdk.providers, minLevel: 'debug' })
  await runEverything(observer)
  await runEverything(otelObserver({ ...sdk.providers, createSpans: true, minLevel: 'error' }))
  const broken = { getTracer: () => ({}) as never }
  await runEverything(otelObserver({ ...sdk.providers, tracerProvider: broken, minLevel: 'error' }))
  for (const event of sampleEvents()) observer.onEvent?.(event)
  for (const event of variants()) observer.onEvent?.(event)
  observer.flush?.()
  spans = await sdk.spans()
  records = await sdk.records()
  points = await sdk.points()
})
afterAll(() => sdk.meterProvider.shutdown())

describe('10 the published reference is what is emitted', () => {
  it('docs/telemetry-reference.md is what the script makes', () => {
    const page = readFileSync(
      join(import.meta.dirname, '../../../../docs/telemetry-reference.md'),
      'utf8',
    )
    expect(page).toBe(telemetryReference())
  })

  it('the scope has the version of the package', () => {
    expect(VERSION).toBe(manifest.version)
  })

  it.each(Object.entries(SPANS))(
    '%s spans have these attributes, and all of them',
    (name, entry) => {
      const found = spans.filter((span) => span.name.split(' ')[0] === name)
      expect(keysOf(found).toSorted()).toEqual(published(entry.attributes))
      expect(
        found.map(({ kind }) => ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'][kind]),
      ).toContain(entry.kind)
    },
  )

  it('there are no other spans', () => {
    const operations = new Set(spans.map((span) => span.name.split(' ')[0]))
    expect(operations).toEqual(new Set(Object.keys(SPANS)))
  })

  it.each(Object.entries(RECORDS))(
    '%s records have these attributes, and all of them',
    (type, names) => {
      const eventName = type === 'task.log' ? undefined : `plainsight.${type}`
      const found = records.filter((record) => record.eventName === eventName)
      const keys = keysOf(found).filter(
        (key) => !key.startsWith(PREFIX.context) && !isExtra(type as EventType, key),
      )
      expect(found.length).toBeGreaterThan(0)
      expect(keys.toSorted()).toEqual(published(names))
    },
  )

  it.each(['process', 'send'] as const)(
    '%s exception records have these attributes',
    (operation) => {
      const found = records.filter((record) => record.eventName === EXCEPTION_EVENT[operation])
      expect(keysOf(found).toSorted()).toEqual(published(EXCEPTION_RECORDS[operation]))
    },
  )

  it('there are no other records', () => {
    const expected = [
      ...Object.keys(RECORDS).map((type) =>
        type === 'task.log' ? undefined : `plainsight.${type}`,
      ),
      ...Object.values(EXCEPTION_EVENT),
    ]
    expect(records.filter((record) => !expected.includes(record.eventName))).toEqual([])
  })

  it.each(Object.entries(METRIC))(
    'the metric %s has this name, unit and these attributes',
    (key, metric) => {
      const found = points.filter((point) => point.name === metric.name)
      expect(found.map((point) => point.unit)).toContain(metric.unit)
      expect(keysOf(found).toSorted()).toEqual(published(METRICS[key as keyof typeof METRIC]))
      if (metric.kind === 'histogram') {
        interface Value {
          readonly buckets: { readonly boundaries: readonly number[] }
        }
        expect((found[0]?.value as Value | undefined)?.buckets.boundaries).toEqual(DURATION_BUCKETS)
      }
    },
  )

  it('there are no other metrics', () => {
    const expected = Object.values(METRIC).map(({ name }) => name)
    expect([...new Set(points.map(({ name }) => name))].toSorted()).toEqual(expected.toSorted())
  })
})

// What a line brings of its own.
function isExtra(type: EventType, key: string): boolean {
  return type === 'task.log' && !Object.values<string>(ATTR).includes(key)
}

async function runEverything(observer: OtelObserver): Promise<void> {
  const ok = defineTask({ name: 'ok', label: 'A label', tags: { plan: 'pro' }, run: () => 1 })
  const expected = class extends Error {}
  const batch = (delay: number | undefined): { task: Task; input: undefined; options: object }[] =>
    [ok, ok].map((task) => ({
      task,
      input: undefined,
      options: delay === undefined ? {} : { delay },
    }))
  const parent = defineTask({
    name: 'parent',
    retries: 1,
    backoff: { delay: 1 },
    async run(_input: undefined, { enqueue, attempt }) {
      await enqueue(ok)
      await enqueue(ok, undefined, { delay: 1 })
      await executor.enqueueMany(batch(undefined))
      if (attempt === 0) throw new TypeError('x')
    },
  })
  const failing = defineTask({
    name: 'failing',
    throws: [expected],
    run() {
      throw new expected('x')
    },
  })
  const slow = defineTask({
    name: 'slow',
    run: (_input: undefined, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  })
  const tasks: Task[] = [ok, parent, failing, slow]
  const executor = createExecutor({ tasks, observers: [observer] })
  const settle = (task: Task, options = {}): Promise<unknown> =>
    executor.enqueue(task, undefined, options).then((handle) =>
      handle.result().then(
        () => handle,
        () => handle,
      ),
    )
  await settle(parent)
  await settle(ok, { idempotencyKey: 'k' })
  await settle(ok, { idempotencyKey: 'k' })
  await settle(ok, { idempotencyKey: 'k', delay: 10 })
  const failed = (await settle(failing)) as { id: string }
  await (await executor.retry(failed.id)).result().catch(() => {})
  await executor.enqueueMany(batch(undefined))
  await executor.enqueueMany(batch(1))
  await executor.drain()
  await settle(ok, { id: 'mine' })
  await settle(ok, { id: 'mine' }).catch(() => {})
  await settle(ok, { id: 'mine', delay: 1 }).catch(() => {})
  // As after a crash, which this process cannot have.
  executor.observe({
    name: 'recovered',
    wrapRun: (run, next) => observer.wrapRun?.({ ...run, recoveries: 1 }, next) ?? next(),
  })
  const running = await executor.enqueue(slow)
  await running.started
  await executor.close({ grace: 0 })
}

/** What the samples leave out. */
function variants(): readonly PlainsightEvent[] {
  const of = <Type extends EventType>(type: Type): PlainsightEvent =>
    sampleEvents().find((event) => event.type === type) as PlainsightEvent
  return [
    { ...of('task.requeued'), reason: 'crash' } as PlainsightEvent,
    { ...of('task.failed'), level: 'info', expected: true } as PlainsightEvent,
    { ...of('task.progress'), total: 10 } as PlainsightEvent,
  ]
}
