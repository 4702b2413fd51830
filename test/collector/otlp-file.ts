/** What the Collector's file exporter wrote: OTLP as JSON, a line per batch, in plain values. */

import { readFileSync } from 'node:fs'

type Attributes = Readonly<Record<string, unknown>>
type Types = Readonly<Record<string, string>>

interface Scoped {
  /** Attributes of the resource. */
  readonly resource: Attributes
  readonly scope: { readonly name: string; readonly version: string }
  readonly schemaUrl: string
}

export interface WrittenSpan extends Scoped {
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly isParentRemote: boolean
  readonly name: string
  readonly kind: string
  /** Nanoseconds. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  /** Of each attribute: `string`, `int`, `double`, `bool`, `array`, `kvlist`. */
  readonly types: Types
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes: Attributes
  }[]
  readonly eventCount: number
  readonly status: { readonly code: string; readonly message: string }
}

export interface WrittenRecord extends Scoped {
  readonly traceId: string
  readonly spanId: string
  readonly eventName: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: unknown
  readonly attributes: Attributes
  readonly types: Types
  readonly time: bigint
}

interface WrittenPoint extends Scoped {
  readonly name: string
  readonly unit: string
  readonly description: string
  /** As the specification calls the instrument's data: a sum that may fall is of an UpDownCounter. */
  readonly kind: 'counter' | 'upDownCounter' | 'histogram'
  readonly isCumulative: boolean
  readonly attributes: Attributes
  /** The sum, or how many were recorded. */
  readonly value: number
  readonly bounds: readonly number[]
}

export interface Written {
  readonly spans: readonly WrittenSpan[]
  readonly records: readonly WrittenRecord[]
  /** The last export of each process, for each metric and set of attributes. */
  readonly points: readonly WrittenPoint[]
}

interface Raw {
  readonly [field: string]: unknown
}

/** Reads the file: spans in the order of their starts, records in that of their arrival. */
export function readOtlpFile(path: string): Written {
  const spans: WrittenSpan[] = []
  const records: WrittenRecord[] = []
  const points: WrittenPoint[] = []
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue
    const batch = JSON.parse(line) as Raw
    for (const [from, item] of items(batch, 'resourceSpans', 'scopeSpans', 'spans'))
      spans.push(spanOf(item, from))
    for (const [from, item] of items(batch, 'resourceLogs', 'scopeLogs', 'logRecords'))
      records.push(recordOf(item, from))
    for (const [from, item] of items(batch, 'resourceMetrics', 'scopeMetrics', 'metrics'))
      points.push(...pointsOf(item, from))
  }
  spans.sort((a, b) => Number(a.start - b.start))
  return { spans, records, points: latest(points) }
}

function* items(
  batch: Raw,
  resources: string,
  scopes: string,
  list: string,
): Generator<readonly [Scoped, Raw]> {
  for (const each of listOf(batch[resources])) {
    const resource = attributesOf((each['resource'] as Raw)['attributes'])
    for (const scoped of listOf(each[scopes])) {
      const { name = '', version = '' } = scoped['scope'] as { name?: string; version?: string }
      const schemaUrl = textOf(scoped['schemaUrl'])
      for (const item of listOf(scoped[list])) {
        yield [{ resource, scope: { name, version }, schemaUrl }, item]
      }
    }
  }
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const CODES = ['UNSET', 'OK', 'ERROR']
/** Of a span's flags: that it is known whether the parent is remote, and that it is. */
const REMOTE = 0x300

function spanOf(raw: Raw, from: Scoped): WrittenSpan {
  const status = (raw['status'] ?? {}) as Raw
  return {
    ...from,
    ...idsOf(raw),
    parentSpanId: textOf(raw['parentSpanId']),
    traceState: textOf(raw['traceState']),
    isParentRemote: (Number(raw['flags'] ?? 0) & REMOTE) === REMOTE,
    name: textOf(raw['name']),
    kind: KINDS[Number(raw['kind'] ?? 0)] ?? '',
    start: BigInt(textOf(raw['startTimeUnixNano'])),
    end: BigInt(textOf(raw['endTimeUnixNano'])),
    attributes: attributesOf(raw['attributes']),
    types: typesOf(raw['attributes']),
    links: listOf(raw['links']).map((link) => ({
      ...idsOf(link),
      attributes: attributesOf(link['attributes']),
    })),
    eventCount: listOf(raw['events']).length,
    status: { code: CODES[Number(status['code'] ?? 0)] ?? '', message: textOf(status['message']) },
  }
}

function recordOf(raw: Raw, from: Scoped): WrittenRecord {
  return {
    ...from,
    ...idsOf(raw),
    eventName: textOf(raw['eventName']),
    severityNumber: Number(raw['severityNumber']),
    severityText: textOf(raw['severityText']),
    body: valueOf(raw['body'] as Raw),
    attributes: attributesOf(raw['attributes']),
    types: typesOf(raw['attributes']),
    time: BigInt(textOf(raw['timeUnixNano'])),
  }
}

const CUMULATIVE = 2

function pointsOf(raw: Raw, from: Scoped): WrittenPoint[] {
  const isHistogram = raw['histogram'] !== undefined
  const data = (raw['histogram'] ?? raw['sum']) as Raw | undefined
  if (data === undefined) throw new Error(`${textOf(raw['name'])} is neither a sum nor a histogram`)
  return listOf(data['dataPoints']).map((point) => ({
    ...from,
    name: textOf(raw['name']),
    unit: textOf(raw['unit']),
    description: textOf(raw['description']),
    kind: isHistogram ? 'histogram' : data['isMonotonic'] === true ? 'counter' : 'upDownCounter',
    isCumulative: data['aggregationTemporality'] === CUMULATIVE,
    attributes: attributesOf(point['attributes']),
    value: Number(isHistogram ? point['count'] : (point['asInt'] ?? point['asDouble'])),
    bounds: (point['explicitBounds'] ?? []) as readonly number[],
  }))
}

function latest(points: readonly WrittenPoint[]): readonly WrittenPoint[] {
  const found = new Map<string, WrittenPoint>()
  for (const point of points) {
    const { resource, name, attributes } = point
    const sorted = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
    found.set(JSON.stringify([resource['service.instance.id'], name, sorted]), point)
  }
  return [...found.values()]
}

function idsOf(raw: Raw): { readonly traceId: string; readonly spanId: string } {
  return { traceId: textOf(raw['traceId']), spanId: textOf(raw['spanId']) }
}

function attributesOf(value: unknown): Attributes {
  return Object.fromEntries(
    listOf(value).map((each) => [textOf(each['key']), valueOf(each['value'] as Raw)]),
  )
}

function typesOf(value: unknown): Types {
  return Object.fromEntries(
    listOf(value).map((each) => {
      const [field = ''] = Object.keys(each['value'] as Raw)
      return [textOf(each['key']), field.replace('Value', '')]
    }),
  )
}

/** JSON has no 64-bit integers, so OTLP has them as text. */
function valueOf(raw: Raw | undefined): unknown {
  if (raw === undefined) return undefined
  if (raw['intValue'] !== undefined) return Number(raw['intValue'])
  if (raw['arrayValue'] !== undefined)
    return listOf((raw['arrayValue'] as Raw)['values']).map(valueOf)
  if (raw['kvlistValue'] !== undefined) return attributesOf((raw['kvlistValue'] as Raw)['values'])
  return raw['stringValue'] ?? raw['boolValue'] ?? raw['doubleValue'] ?? raw['bytesValue']
}

function listOf(value: unknown): readonly Raw[] {
  return (value ?? []) as readonly Raw[]
}

function textOf(value: unknown): string {
  return (value ?? '') as string
}
