/** An OTLP/HTTP endpoint: decodes what arrives by the protocol's own definitions, and answers as it is told to. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'

type Signal = 'traces' | 'logs' | 'metrics'
type Attributes = Readonly<Record<string, unknown>>

interface Scoped {
  /** Attributes of the resource. */
  readonly resource: Attributes
  readonly scope: { readonly name: string; readonly version: string }
  readonly schemaUrl: string
}

export interface WireSpan extends Scoped {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  readonly kind: string
  readonly flags: number
  readonly attributes: Attributes
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[]
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly flags: number
    readonly attributes: Attributes
  }[]
  readonly status: { readonly code: string; readonly message: string }
  /** Nanoseconds. */
  readonly start: bigint
  readonly end: bigint
}

export interface WireRecord extends Scoped {
  readonly traceId: string
  readonly spanId: string
  readonly eventName: string
  readonly severityNumber: number
  readonly severityText: string
  readonly body: unknown
  readonly attributes: Attributes
  readonly time: bigint
}

interface WirePoint extends Scoped {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly kind: 'sum' | 'gauge' | 'histogram'
  readonly isMonotonic: boolean | undefined
  readonly attributes: Attributes
  readonly value: number
  readonly bounds: readonly number[]
}

export interface Receiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  readonly spans: WireSpan[]
  readonly records: WireRecord[]
  readonly points: WirePoint[]
  /** Headers of what came, by signal. */
  readonly requests: { readonly signal: Signal; readonly headers: IncomingMessage['headers'] }[]
  /** What to answer; `hang` never does. Default 200. */
  answer: (signal: Signal) => number | 'hang'
  close(): Promise<void>
}

export async function otlpReceiver(): Promise<Receiver> {
  const receiver: Omit<Receiver, 'url'> = {
    spans: [],
    records: [],
    points: [],
    requests: [],
    answer: () => 200,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  const server = createServer((request, response) => void receive(receiver, request, response))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(receiver, { url: `http://127.0.0.1:${port}` })
}

async function receive(
  receiver: Omit<Receiver, 'url'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const signal = (request.url ?? '').split('/').at(-1) as Signal
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  receiver.requests.push({ signal, headers: request.headers })
  const answer = receiver.answer(signal)
  if (answer === 'hang') return
  if (answer === 200) {
    const raw = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
    take(receiver, signal, body)
  }
  response.writeHead(answer, { 'content-type': 'application/x-protobuf' }).end()
}

function take(receiver: Omit<Receiver, 'url'>, signal: Signal, body: Uint8Array): void {
  const type = types[signal]
  const message = type.toObject(type.decode(body), {
    defaults: true,
    longs: String,
    bytes: Buffer,
    enums: String,
    oneofs: true,
  }) as { readonly resources: readonly Raw[] }
  for (const resource of message.resources) {
    for (const scoped of resource['scopes'] as readonly Raw[]) {
      const { name, version } = scoped['scope'] as { name: string; version: string }
      const from: Scoped = {
        resource: attributesOf((resource['resource'] as Raw | null)?.['attributes']),
        scope: { name, version },
        schemaUrl: scoped['schemaUrl'] as string,
      }
      for (const item of scoped['items'] as readonly Raw[]) {
        if (signal === 'traces') receiver.spans.push(spanOf(item, from))
        else if (signal === 'logs') receiver.records.push(recordOf(item, from))
        else receiver.points.push(...pointsOf(item, from))
      }
    }
  }
}

type Raw = Readonly<Record<string, unknown>>

function spanOf(raw: Raw, from: Scoped): WireSpan {
  const status = raw['status'] as Raw | null
  return {
    ...from,
    ...ids(raw),
    parentSpanId: hex(raw['parentSpanId']),
    traceState: raw['traceState'] as string,
    name: raw['name'] as string,
    kind: (raw['kind'] as string).replace('SPAN_KIND_', ''),
    flags: raw['flags'] as number,
    attributes: attributesOf(raw['attributes']),
    events: (raw['events'] as readonly Raw[]).map((event) => ({
      name: event['name'] as string,
      attributes: attributesOf(event['attributes']),
    })),
    links: (raw['links'] as readonly Raw[]).map((link) => ({
      ...ids(link),
      flags: link['flags'] as number,
      attributes: attributesOf(link['attributes']),
    })),
    status: {
      code: ((status?.['code'] ?? 'STATUS_CODE_UNSET') as string).replace('STATUS_CODE_', ''),
      message: (status?.['message'] ?? '') as string,
    },
    start: BigInt(raw['start'] as string),
    end: BigInt(raw['end'] as string),
  }
}

function recordOf(raw: Raw, from: Scoped): WireRecord {
  return {
    ...from,
    ...ids(raw),
    eventName: raw['eventName'] as string,
    severityNumber: raw['severityNumber'] as number,
    severityText: raw['severityText'] as string,
    body: valueOf(raw['body'] as Raw),
    attributes: attributesOf(raw['attributes']),
    time: BigInt(raw['time'] as string),
  }
}

function pointsOf(raw: Raw, from: Scoped): WirePoint[] {
  const kind = (['sum', 'gauge', 'histogram'] as const).find((each) => isThere(raw[each]))
  if (kind === undefined) throw new Error(`metric ${raw['name'] as string} has no points`)
  const points = raw[kind] as Raw
  return (points['points'] as readonly Raw[]).map((point) => ({
    ...from,
    name: raw['name'] as string,
    unit: raw['unit'] as string,
    description: raw['description'] as string,
    kind,
    isMonotonic: points['isMonotonic'] as boolean | undefined,
    attributes: attributesOf(point['attributes']),
    value: Number(kind === 'histogram' ? point['count'] : (point['asInt'] ?? point['asDouble'])),
    bounds: (point['bounds'] ?? []) as readonly number[],
  }))
}

function ids(raw: Raw): { readonly traceId: string; readonly spanId: string } {
  return { traceId: hex(raw['traceId']), spanId: hex(raw['spanId']) }
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

function hex(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString('hex')
}

function attributesOf(list: unknown): Attributes {
  const entries = (list ?? []) as readonly Raw[]
  return Object.fromEntries(entries.map((each) => [each['key'], valueOf(each['value'] as Raw)]))
}

function valueOf(raw: Raw | null | undefined): unknown {
  const kind = raw?.['value'] as string | undefined
  const value = kind === undefined ? undefined : raw?.[kind]
  switch (kind) {
    case 'int':
      return Number(value)
    case 'array':
      return ((value as Raw)['values'] as readonly Raw[]).map(valueOf)
    case 'map':
      return attributesOf((value as Raw)['values'])
    default:
      return value
  }
}

// opentelemetry-proto 1.x, with shorter names for what it repeats; a name is not on the wire, a number is.
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Value { oneof value { string string = 1; bool bool = 2; int64 int = 3; double double = 4;
    Values array = 5; Pairs map = 6; bytes bytes = 7; } }
  message Values { repeated Value values = 1; }
  message Pairs { repeated Pair values = 1; }
  message Pair { string key = 1; Value value = 2; }
  message Scope { string name = 1; string version = 2; repeated Pair attributes = 3; }
  message Resource { repeated Pair attributes = 1; }

  message Traces { repeated ResourceSpans resources = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopes = 2; }
  message ScopeSpans { Scope scope = 1; repeated Span items = 2; string schemaUrl = 3; }
  message Span {
    enum Kind { SPAN_KIND_UNSPECIFIED = 0; SPAN_KIND_INTERNAL = 1; SPAN_KIND_SERVER = 2; SPAN_KIND_CLIENT = 3;
      SPAN_KIND_PRODUCER = 4; SPAN_KIND_CONSUMER = 5; }
    message Event { fixed64 time = 1; string name = 2; repeated Pair attributes = 3; }
    message Link { bytes traceId = 1; bytes spanId = 2; string traceState = 3; repeated Pair attributes = 4;
      fixed32 flags = 6; }
    bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5;
    Kind kind = 6; fixed64 start = 7; fixed64 end = 8; repeated Pair attributes = 9; repeated Event events = 11;
    repeated Link links = 13; Status status = 15; fixed32 flags = 16;
  }
  message Status {
    enum Code { STATUS_CODE_UNSET = 0; STATUS_CODE_OK = 1; STATUS_CODE_ERROR = 2; }
    string message = 2; Code code = 3;
  }

  message Logs { repeated ResourceLogs resources = 1; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scopes = 2; }
  message ScopeLogs { Scope scope = 1; repeated Record items = 2; string schemaUrl = 3; }
  message Record {
    fixed64 time = 1; int32 severityNumber = 2; string severityText = 3; Value body = 5; repeated Pair attributes = 6;
    fixed32 flags = 8; bytes traceId = 9; bytes spanId = 10; fixed64 observedTime = 11; string eventName = 12;
  }

  message Metrics { repeated ResourceMetrics resources = 1; }
  message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopes = 2; }
  message ScopeMetrics { Scope scope = 1; repeated Metric items = 2; string schemaUrl = 3; }
  message Metric { string name = 1; string description = 2; string unit = 3;
    oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; } }
  message Gauge { repeated Number points = 1; }
  message Sum { repeated Number points = 1; int32 temporality = 2; bool isMonotonic = 3; }
  message Histogram { repeated Distribution points = 1; int32 temporality = 2; }
  message Number { fixed64 start = 2; fixed64 time = 3; oneof value { double asDouble = 4; sfixed64 asInt = 6; }
    repeated Pair attributes = 7; }
  message Distribution { fixed64 start = 2; fixed64 time = 3; fixed64 count = 4; optional double sum = 5;
    repeated fixed64 buckets = 6; repeated double bounds = 7; repeated Pair attributes = 9; }
`)

const types: Readonly<Record<Signal, protobuf.Type>> = {
  traces: root.lookupType('Traces'),
  logs: root.lookupType('Logs'),
  metrics: root.lookupType('Metrics'),
}
