/** The instruments of one meter provider: made at first use, and shared by all observers that report to it. */

import type {
  Attributes,
  Counter,
  Histogram,
  MeterProvider,
  ObservableUpDownCounter,
} from '@opentelemetry/api'
import type { TaskActivity } from '../observer.ts'
import { createNoopMeter, metrics } from './api.ts'
import {
  ATTR,
  DURATION_BUCKETS,
  METRIC,
  type Metric,
  SCHEMA_URL,
  STATES,
  SYSTEM,
  VERSION,
} from './semconv.ts'
import { isAlike } from './silence.ts'

/** Answers what an executor has in memory. */
export type ActivitySource = () => TaskActivity

export interface Instruments {
  /** Nothing is registered that would hear of it: what is recorded here is gone. */
  readonly isSilent: boolean
  readonly sent: Counter
  readonly sendDuration: Histogram
  readonly consumed: Counter
  readonly processDuration: Histogram
  readonly waitDuration: Histogram
  readonly taskDuration: Histogram
  readonly retries: Counter
  readonly deduplications: Counter
  readonly stalls: Counter
  readonly observerErrors: Counter
  /** The executors that the observable instruments add up. */
  readonly sources: Set<ActivitySource>
}

// An instrument that is made before the SDK stays silent for ever, unlike a tracer or logger: so they go by the provider
// that is registered when something is recorded, not by the one at start.
const known = new WeakMap<MeterProvider, Instruments>()

/** The instruments to record with now. */
export function instrumentsOf(given: MeterProvider | undefined): Instruments {
  const provider = given ?? metrics.getMeterProvider()
  let instruments = known.get(provider)
  if (instruments === undefined) known.set(provider, (instruments = create(provider)))
  return instruments
}

function create(provider: MeterProvider): Instruments {
  const meter = provider.getMeter(SYSTEM, VERSION, { schemaUrl: SCHEMA_URL })
  const counter = ({ name, unit, description }: Metric): Counter =>
    meter.createCounter(name, { unit, description })
  const histogram = ({ name, unit, description }: Metric): Histogram => {
    const advice = { explicitBucketBoundaries: [...DURATION_BUCKETS] }
    return meter.createHistogram(name, { unit, description, advice })
  }
  const observable = ({ name, unit, description }: Metric): ObservableUpDownCounter =>
    meter.createObservableUpDownCounter(name, { unit, description })
  const active = observable(METRIC.active)
  const limit = observable(METRIC.limit)
  const usage = observable(METRIC.usage)
  const sources = new Set<ActivitySource>()
  meter.addBatchObservableCallback(
    (result) => {
      const sum = summed(sources)
      // Zeros are observed too: a series that is not keeps its last value for ever.
      for (const state of STATES) result.observe(active, sum[state], STATE_ATTRIBUTES[state] ?? {})
      if (Number.isFinite(sum.limit)) result.observe(limit, sum.limit, WORKER_ATTRIBUTES)
      result.observe(usage, sum.usage, WORKER_ATTRIBUTES)
    },
    [active, limit, usage],
  )
  return {
    isSilent: isAlike(meter, createNoopMeter()),
    sent: counter(METRIC.sent),
    sendDuration: histogram(METRIC.sendDuration),
    consumed: counter(METRIC.consumed),
    processDuration: histogram(METRIC.processDuration),
    waitDuration: histogram(METRIC.waitDuration),
    taskDuration: histogram(METRIC.taskDuration),
    retries: counter(METRIC.retries),
    deduplications: counter(METRIC.deduplications),
    stalls: counter(METRIC.stalls),
    observerErrors: counter(METRIC.observerErrors),
    sources,
  }
}

const WORKER_ATTRIBUTES: Attributes = Object.freeze({ [ATTR.system]: SYSTEM })
const STATE_ATTRIBUTES: Readonly<Record<string, Attributes>> = Object.fromEntries(
  STATES.map((state) => [state, Object.freeze({ [ATTR.system]: SYSTEM, [ATTR.state]: state })]),
)

function summed(sources: ReadonlySet<ActivitySource>): TaskActivity {
  const sum = { queued: 0, scheduled: 0, running: 0, retrying: 0, limit: 0, usage: 0 }
  for (const source of sources) {
    const now = source()
    for (const name of Object.keys(sum) as (keyof TaskActivity)[]) sum[name] += now[name]
  }
  return sum
}
