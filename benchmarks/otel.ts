/** The price of OpenTelemetry, beside the same spans and records made with the SDK by hand. */

import type { SpanContext } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { AlwaysOffSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { createExecutor, defineTask, taskLog, type Observer } from '../src/index.ts'
// The copy that the SDK has, as in a program: a rival brings another, which would be taken from here.
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '../src/observers/otel/api.ts'
import { SEVERITY } from '../src/observers/otel/severity.ts'
import { otelObserver } from '../src/otel.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { ratioTarget, valueTarget } from './report.ts'
import { expectEqual, find, rateOf, type Case, type Measured, type Series } from './rounds.ts'
import type { Subject } from './subject.ts'
import type { GoalId } from './targets.ts'
import { ownVersion, versionOf } from './versions.ts'

const TASKS = 20_000
const CONCURRENCY = 100
/** Of a task: `enqueue` and `process`. */
const SPANS = 2
const LINES = 5

/** What there is to emit for each task. */
interface Way {
  readonly name: string
  readonly lines: number
  readonly isSampled: boolean
  /** What it may cost beside doing it by hand. */
  readonly goal: GoalId
}

const WAYS: readonly Way[] = [
  { name: 'two spans', lines: 0, isSampled: true, goal: 'otel: spans' },
  {
    name: 'two spans and five records',
    lines: LINES,
    isSampled: true,
    goal: 'otel: spans and records',
  },
  { name: 'two spans, sampled out', lines: 0, isSampled: false, goal: 'otel: sampled out' },
]
const [PLAIN] = WAYS as readonly [Way, ...Way[]]

const NO_OBSERVER = 'plainsight, no observer'
const NO_SDK = 'plainsight, otelObserver without an SDK'
const without = ({ lines }: Way): string =>
  lines === 0 ? NO_OBSERVER : `${NO_OBSERVER}, ${lines} log lines`
const observed = ({ name }: Way): string => `plainsight, otelObserver: ${name}`
const byHand = ({ name }: Way): string => `the SDK by hand: ${name}`

export const otel: Subject = {
  title: 'OpenTelemetry: what the observer adds to a task',
  isolated: true,
  rounds: 15,
  warmUps: 5,
  check: { rounds: 9, warmUps: 4 },
  cases: () => [
    inExecutor(NO_OBSERVER, 0, () => undefined),
    inExecutor(`${NO_OBSERVER}, ${LINES} log lines`, LINES, () => undefined),
    inExecutor(NO_SDK, 0, () => otelObserver()),
    ...WAYS.flatMap((way) => [
      whenRun(observed(way), ownVersion(), () => observing(way)),
      whenRun(byHand(way), versionOf('@opentelemetry/sdk-trace'), () => instrumented(way)),
    ]),
  ],
  report(series) {
    const added = (ours: string, base: string): readonly number[] => {
      const { values } = find(series, base)
      return find(series, ours).values.map((value, round) => value - (values[round] ?? Number.NaN))
    }
    const version = ownVersion()
    const byWay = WAYS.map((way): Series & { readonly way: Way } => {
      return {
        way,
        name: `added: ${way.name}`,
        version,
        values: added(observed(way), without(way)),
      }
    })
    const nothing = { name: 'added: without an SDK', version, values: added(NO_SDK, NO_OBSERVER) }
    return {
      title: this.title,
      unit: 'µs/task',
      series: [...series, ...byWay, nothing],
      reference: find(series, byHand(PLAIN)),
      targets: [
        ...byWay.map(({ way, name, version: of, values }) =>
          ratioTarget(way.goal, { name, version: of, values }, find(series, byHand(way))),
        ),
        valueTarget('otel: no SDK', nothing),
      ],
      notes: [
        `${TASKS.toLocaleString('en')} tasks per round, 100 enqueued per turn of the event loop, concurrency ${CONCURRENCY}. By ` +
          'hand: the same two spans with the same attributes, link, and carrier in and out, each active around an ' +
          'asynchronous function, in a loop without an executor; batch processors that export to nowhere. “Added” is the ' +
          'difference to the same tasks without an observer, in the same round.',
      ],
    }
  },
}

/** A case that is made at its first run: the SDK is global, and a process that measures another case must have none. */
function whenRun(name: string, version: string, make: () => Case): Case {
  let made: Case | undefined
  return { name, version, run: () => (made ??= make()).run() }
}

/** Tasks of an executor with an observer, or with none. */
function inExecutor(name: string, lines: number, observe: () => Observer | undefined): Case {
  let sum = 0
  const send = defineTask({
    name: 'send',
    run: async ({ userId }: Mail) => {
      for (let line = 0; line < lines; line++) taskLog('Sending', { userId })
      sum += userId
    },
  })
  const observer = observe()
  const executor = createExecutor({
    tasks: [send],
    observers: observer === undefined ? [] : [observer],
    concurrency: CONCURRENCY,
    // What is stored would be paid for in each case alike.
    logs: { store: 'none' },
  })
  return {
    name,
    version: ownVersion(),
    async run() {
      await executor.start()
      sum = 0
      const rate = await rateOf(
        TASKS,
        (index) => void executor.enqueue(send, mailTo(index)),
        () => executor.drain(),
      )
      expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
      return 1e6 / rate
    },
  }
}

function observing(way: Way): Case {
  let sdk: Sdk | undefined
  const measured = inExecutor(observed(way), way.lines, () => {
    sdk = startSdk(way)
    const { tracerProvider, loggerProvider } = sdk
    const providers = way.lines === 0 ? { tracerProvider } : { tracerProvider, loggerProvider }
    return otelObserver({ ...providers, lifecycle: false })
  })
  return { ...measured, run: () => counted(way, measured, sdk as Sdk) }
}

/** The same by hand: a loop of what instrumented code around an enqueue and a run would do. */
function instrumented(way: Way): Case {
  const sdk = startSdk(way)
  const tracer = sdk.tracerProvider.getTracer('by hand', '1')
  const logger = sdk.loggerProvider.getLogger('by hand', '1')
  let sum = 0

  async function enqueue({ userId }: Mail, id: string): Promise<Record<string, string>> {
    const parent = context.active()
    const attributes = attributesOf('enqueue', 'send', id)
    const span = tracer.startSpan('enqueue send', { kind: SpanKind.PRODUCER, attributes }, parent)
    const carrier: Record<string, string> = {}
    const own = trace.setSpan(parent, span)
    propagation.inject(own, carrier)
    await context.with(own, async () => {
      sum += userId
    })
    span.end()
    return carrier
  }

  async function run({ userId }: Mail, id: string, carrier: object): Promise<void> {
    const parent = propagation.extract(ROOT_CONTEXT, carrier)
    const creation = trace.getSpanContext(parent) as SpanContext
    const attributes = attributesOf('process', 'process', id)
    attributes['plainsight.task.attempt'] = 0
    attributes['plainsight.task.max_attempts'] = 1
    const links = [{ context: creation, attributes: { 'plainsight.link.type': 'creation' } }]
    const options = { kind: SpanKind.CONSUMER, attributes, links }
    const span = tracer.startSpan('process send', options, parent)
    const own = trace.setSpan(parent, span)
    propagation.inject(own, {})
    await context.with(own, async () => {
      for (let line = 0; line < way.lines; line++) {
        const body = 'Sending'
        const of = { 'messaging.message.id': id, 'plainsight.task.name': 'send' }
        const record = { attributes: { ...of, 'plainsight.task.attempt': 0, userId } }
        const severityNumber = SEVERITY.info
        logger.emit({
          ...record,
          body,
          severityNumber,
          severityText: 'info',
          timestamp: Date.now(),
        })
      }
      sum += userId
    })
    span.setAttribute('plainsight.task.outcome', 'succeeded')
    span.end()
  }

  const measured: Case = {
    name: byHand(way),
    version: versionOf('@opentelemetry/sdk-trace'),
    async run() {
      sum = 0
      const going: Promise<void>[] = []
      const rate = await rateOf(
        TASKS,
        (index) => {
          const mail = mailTo(index)
          const id = `01a1fea0-a9cc-75b9-a19d-${index}`
          const both = enqueue(mail, id).then((carrier) => run(mail, id, carrier))
          going.push(both)
        },
        () => Promise.all(going),
      )
      expectEqual(`${byHand(way)}: sum of inputs`, sum, 2 * sumOfMails(TASKS))
      return 1e6 / rate
    },
  }
  return { ...measured, run: () => counted(way, measured, sdk) }
}

function attributesOf(name: string, type: string, id: string): Record<string, string | number> {
  return {
    'messaging.system': 'plainsight',
    'messaging.operation.name': name,
    'messaging.operation.type': type,
    'messaging.destination.name': 'default',
    'messaging.message.id': id,
    'plainsight.task.name': 'send',
    'plainsight.task.priority': 0,
    'plainsight.task.source': 'api',
  }
}

interface Sdk {
  readonly tracerProvider: TracerProvider
  readonly loggerProvider: LoggerProvider
  readonly exported: { spans: number; records: number }
}

/** An SDK that exports to nowhere, and the globals that it needs. */
function startSdk({ isSampled }: Way): Sdk {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const exported = { spans: 0, records: 0 }
  const to = (signal: keyof typeof exported): Exporter => ({
    export(batch, done) {
      exported[signal] += batch.length
      done({ code: 0 })
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  })
  // Room for a whole round: what is dropped would cost less than what is not.
  const limits = { maxQueueSize: TASKS * LINES * 2 }
  return {
    exported,
    tracerProvider: new TracerProvider({
      ...(isSampled ? {} : { sampler: new AlwaysOffSampler() }),
      spanProcessors: [new BatchSpanProcessor({ exporter: to('spans'), ...limits })],
    }),
    loggerProvider: new LoggerProvider({
      processors: [new BatchLogRecordProcessor({ exporter: to('records'), ...limits })],
    }),
  }
}

interface Exporter {
  export(batch: readonly unknown[], done: (result: { readonly code: number }) => void): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/** Runs it, and looks whether all of its telemetry has come out. */
async function counted(way: Way, measured: Case, sdk: Sdk): Promise<Measured> {
  const { exported, tracerProvider, loggerProvider } = sdk
  Object.assign(exported, { spans: 0, records: 0 })
  const value = await measured.run()
  await Promise.all([tracerProvider.forceFlush(), loggerProvider.forceFlush()])
  expectEqual(`${measured.name}: spans`, exported.spans, way.isSampled ? TASKS * SPANS : 0)
  expectEqual(`${measured.name}: records`, exported.records, TASKS * way.lines)
  return value
}
