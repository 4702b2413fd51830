/** The options of the OpenTelemetry observer, checked. */

import type { LoggerProvider, MeterProvider, TracerProvider } from '@opentelemetry/api'
import { durationMs, type Duration } from '../../task/duration.ts'
import { InvalidOptionsError } from '../../task/errors.ts'
import { parseLevel, type Level, type LevelInput } from '../../task/level.ts'
import { isPropagation, PROPAGATION_TEXT, type Propagation } from '../../task/options.ts'
import { readFields, reading } from '../../task/reading.ts'
import type { TaskDraft } from '../observer.ts'
import {
  observerFilter,
  OBSERVER_OPTION_NAMES,
  readOptions,
  type ObserverFilter,
  type ObserverOptions,
} from '../observer-options.ts'
import { PREFIX, RESERVED } from './semconv.ts'

/** Options of {@link otelObserver}. */
export interface OtelObserverOptions extends ObserverOptions {
  /**
   * How an attempt's span relates to the span of its enqueue, which it links to unless it is `none`:
   * - `auto` (default): a child while the attempt starts within `childWithin` of the enqueue; later, and for what a schedule
   *   enqueued, the root of a trace of its own;
   * - `child`: always a child; `link`: always a root; `none`: a root without a link.
   *
   * The execution option `propagation` of defaults, definition or call comes first.
   */
  readonly propagation?: Propagation | ((task: TaskDraft) => Propagation) | undefined
  /** Default `'5m'`. */
  readonly childWithin?: Duration | undefined
  /** Whether a failure that will be retried marks its span as an error: each (`attempt`, default), or only the last (`final`). */
  readonly spanStatus?: 'attempt' | 'final' | undefined
  /** What follows the operation in a span's name: the task's name (default) or its queue. */
  readonly spanNaming?: 'task' | 'queue' | undefined
  /** Level of the exception record of an attempt that will be retried. Default `warning`. */
  readonly retriedExceptionSeverity?: LevelInput | undefined
  /** Attribute names for some tags, by the tag's key, instead of `plainsight.task.tag.<key>`. */
  readonly tagAttributes?: Readonly<Record<string, string>> | undefined
  /** Keys of tags that are attributes of metrics as well; only ones with few values. Default: none. */
  readonly metricTags?: readonly string[] | undefined
  /** Whether log records carry the tags, as spans do. Default false. */
  readonly logTags?: boolean | undefined
  /** Whether nested extras of log lines become dotted keys, for stores that do not index maps. Default false. */
  readonly flattenExtras?: boolean | undefined
  /** Whether the baggage of the enqueue is stored with the record, and active in its attempts. Default true. */
  readonly persistBaggage?: boolean | undefined
  /** Whether `enqueueMany` makes a span per task beside the one of the call. Default false. */
  readonly createSpans?: boolean | undefined
  /** Default: the global ones, whenever they come to be. */
  readonly tracerProvider?: TracerProvider | undefined
  readonly loggerProvider?: LoggerProvider | undefined
  readonly meterProvider?: MeterProvider | undefined
}

/** The same, each with its value. */
export interface OtelSettings {
  readonly filter: ObserverFilter
  readonly propagation: (task: TaskDraft) => Propagation
  readonly childWithinMs: number
  readonly marksRetried: boolean
  readonly spanNaming: 'task' | 'queue'
  readonly retriedLevel: Level
  readonly tagAttributes: ReadonlyMap<string, string>
  readonly metricTags: readonly string[]
  readonly logTags: boolean
  readonly flattenExtras: boolean
  readonly persistBaggage: boolean
  readonly createSpans: boolean
  readonly tracerProvider: TracerProvider | undefined
  readonly loggerProvider: LoggerProvider | undefined
  readonly meterProvider: MeterProvider | undefined
}

const WHERE = 'otelObserver: '
const MAX_PROMOTED = 32
const MAX_METRIC_TAGS = 8
const NAMES: readonly string[] = [
  ...OBSERVER_OPTION_NAMES,
  'propagation',
  'childWithin',
  'spanStatus',
  'spanNaming',
  'retriedExceptionSeverity',
  'tagAttributes',
  'metricTags',
  'logTags',
  'flattenExtras',
  'persistBaggage',
  'createSpans',
  'tracerProvider',
  'loggerProvider',
  'meterProvider',
]

/** @throws {InvalidOptionsError} INVALID_OPTIONS for the first option that is wrong or unknown */
export function otelSettings(options: OtelObserverOptions): OtelSettings {
  const given = readOptions(options, NAMES, WHERE)
  const filter = observerFilter(given, { name: 'otel', minLevel: 'info' }, WHERE)
  const { propagation = 'auto', childWithin = '5m', spanStatus, spanNaming } = given
  const isFunction = typeof propagation === 'function'
  if (!isFunction && !isPropagation(propagation)) {
    throw new InvalidOptionsError(
      'propagation',
      `${PROPAGATION_TEXT}, or a function`,
      propagation,
      WHERE,
    )
  }
  return {
    filter,
    propagation: isFunction ? propagation : () => propagation,
    childWithinMs: durationMs(childWithin, 'childWithin', WHERE),
    marksRetried: oneOf('spanStatus', spanStatus, ['attempt', 'final']) !== 'final',
    spanNaming: oneOf('spanNaming', spanNaming, ['task', 'queue']),
    retriedLevel: levelOf(given.retriedExceptionSeverity),
    tagAttributes: promoted(given.tagAttributes),
    metricTags: keysOf(given.metricTags),
    logTags: flag('logTags', given.logTags, false),
    flattenExtras: flag('flattenExtras', given.flattenExtras, false),
    persistBaggage: flag('persistBaggage', given.persistBaggage, true),
    createSpans: flag('createSpans', given.createSpans, false),
    tracerProvider: provider('tracerProvider', given.tracerProvider, 'getTracer'),
    loggerProvider: provider('loggerProvider', given.loggerProvider, 'getLogger'),
    meterProvider: provider('meterProvider', given.meterProvider, 'getMeter'),
  }
}

function oneOf<T extends string>(option: string, value: unknown, values: readonly [T, ...T[]]): T {
  if (value === undefined) return values[0]
  if (values.includes(value as T)) return value as T
  const expected = values.map((each) => `"${each}"`).join(' or ')
  throw new InvalidOptionsError(option, expected, value, WHERE)
}

function flag(option: string, value: unknown, byDefault: boolean): boolean {
  if (value === undefined) return byDefault
  if (typeof value === 'boolean') return value
  throw new InvalidOptionsError(option, 'true or false', value, WHERE)
}

function levelOf(value: unknown): Level {
  return value === undefined ? 'warning' : parseLevel(value, 'retriedExceptionSeverity')
}

function provider<T>(option: string, value: T | undefined, method: string): T | undefined {
  if (value === undefined) return undefined
  const found = reading(option, WHERE, () => (value as Record<string, unknown> | null)?.[method])
  if (typeof found === 'function') return value
  throw new InvalidOptionsError(option, `an object with ${method}()`, value, WHERE)
}

function promoted(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map()
  const fields = readFields(value, 'tagAttributes', 'an object of attribute names', WHERE)
  const entries = Object.entries(fields)
  if (entries.length > MAX_PROMOTED) {
    throw new InvalidOptionsError(
      'tagAttributes',
      `at most ${MAX_PROMOTED} entries`,
      entries.length,
      WHERE,
    )
  }
  for (const [tag, name] of entries) {
    const option = `tagAttributes[${JSON.stringify(tag)}]`
    if (typeof name !== 'string' || !/^(?!__proto__$).{1,128}$/s.test(name)) {
      throw new InvalidOptionsError(option, 'an attribute name of 1 to 128 characters', name, WHERE)
    }
    // A tag may not say what the span's own attributes say, but may have the name that it has anyway.
    if (isReserved(name) && name !== PREFIX.tag + tag) {
      const expected = `a name that does not begin with ${RESERVED.join(', ')}`
      throw new InvalidOptionsError(option, expected, name, WHERE)
    }
  }
  return new Map(entries as [string, string][])
}

function keysOf(value: unknown): readonly string[] {
  if (value === undefined) return []
  return reading('metricTags', WHERE, () => {
    const isList = Array.isArray(value) && value.length <= MAX_METRIC_TAGS
    const keys = isList ? [...(value as readonly unknown[])] : []
    if (isList && keys.every((key) => typeof key === 'string' && key !== ''))
      return keys as string[]
    const expected = `a list of at most ${MAX_METRIC_TAGS} keys of tags`
    throw new InvalidOptionsError('metricTags', expected, value, WHERE)
  })
}

/** Whether a name belongs to the conventions, or to us. */
export function isReserved(name: string): boolean {
  return RESERVED.some((prefix) => name.startsWith(prefix))
}
