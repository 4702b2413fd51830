/**
 * Writes docs/telemetry-reference.md from the names that the OpenTelemetry observer emits. A test holds the page to this, and
 * this to what is really emitted. Run it after a change: npm run node -- scripts/telemetry-reference.ts
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EVENT_LEVELS, type EventType } from '../src/events/event.ts'
import {
  ATTR,
  DURATION_BUCKETS,
  ERROR_TYPE,
  EXCEPTION_EVENT,
  LINK,
  METRIC,
  PREFIX,
  SCHEMA_URL,
  STATES,
  SYSTEM,
} from '../src/observers/otel/semconv.ts'

type Name = keyof typeof ATTR

interface Attribute {
  readonly type: 'string' | 'int' | 'double' | 'boolean'
  readonly text: string
}

/** What each attribute holds. */
const ATTRIBUTES: Readonly<Record<Name, Attribute>> = {
  system: { type: 'string', text: `\`${SYSTEM}\`` },
  operationName: { type: 'string', text: '`enqueue`, `schedule`, `create` or `process`' },
  operationType: { type: 'string', text: '`send`, `create` or `process`' },
  destination: { type: 'string', text: 'the queue' },
  messageId: {
    type: 'string',
    text: 'the task’s id; of a deduplicated enqueue, the existing task’s',
  },
  conversation: { type: 'string', text: 'the id of the first task of the tree; only of a child' },
  batchCount: {
    type: 'int',
    text: 'how many tasks `enqueueMany` was given; never of a single enqueue',
  },
  errorType: { type: 'string', text: 'see [error types](#error-types); only of a failure' },
  exceptionType: { type: 'string', text: 'the error’s class' },
  exceptionMessage: { type: 'string', text: 'its message' },
  exceptionStack: {
    type: 'string',
    text: 'its stack, then those of its causes; not of an expected error',
  },
  taskName: { type: 'string', text: 'the task’s name' },
  attempt: { type: 'int', text: 'zero-based: earlier starts of this record' },
  maxAttempts: {
    type: 'int',
    text: 'how many attempts it may have; absent when there is no limit',
  },
  recoveries: { type: 'int', text: 'attempts that a crash or shutdown cut off; absent when 0' },
  priority: { type: 'int', text: 'higher starts first' },
  source: { type: 'string', text: '`api`, `schedule` or `retry` (by hand)' },
  label: { type: 'string', text: 'the name to show, if it has one' },
  parentId: { type: 'string', text: 'the task that enqueued it' },
  retryOf: { type: 'string', text: 'the record that it is a retry by hand of' },
  deduplicated: { type: 'boolean', text: 'true when an idempotency key led to an existing task' },
  outcome: {
    type: 'string',
    text: '`succeeded`, `retry`, `failed`, `timed_out`, `cancelled` or `interrupted`; of metrics also `expired`, never `retry`; of summaries as in the event',
  },
  expected: { type: 'boolean', text: 'true when the definition expects this error (`throws`)' },
  linkType: {
    type: 'string',
    text: `\`${LINK.creation}\`: the enqueue; \`${LINK.previousAttempt}\``,
  },
  state: { type: 'string', text: STATES.map((state) => `\`${state}\``).join(', ') },
  observerHook: { type: 'string', text: '`onEvent`, `wrapEnqueue` or `wrapRun`' },
  delay: { type: 'double', text: 'seconds from the enqueue until it is due' },
  scheduledAt: { type: 'string', text: 'when it is due, ISO 8601' },
  waitDuration: { type: 'double', text: 'seconds from due to started' },
  attemptDuration: { type: 'double', text: 'seconds that the attempt ran' },
  taskDuration: { type: 'double', text: 'seconds from the enqueue to the end of the task' },
  resultBytes: { type: 'int', text: 'bytes of the stored result as JSON' },
  retryDelay: { type: 'double', text: 'seconds until the next attempt' },
  failureReason: {
    type: 'string',
    text: '`error`, `timeout`, `unrecoverable`, `crash_loop`, `invalid_input` or `corrupt`',
  },
  cancelReason: { type: 'string', text: 'the canceller’s words' },
  cancelBy: { type: 'string', text: 'who asked' },
  interruptReason: { type: 'string', text: '`shutdown`, `crash` or `lease_lost`' },
  expiredAt: { type: 'string', text: 'from when on it was not to be started, ISO 8601' },
  attemptOverrun: {
    type: 'double',
    text: 'seconds that the body ran on past the end of its attempt',
  },
  discardReason: { type: 'string', text: '`late` or `stale`' },
  progressDone: { type: 'double', text: 'how far it is' },
  progressTotal: { type: 'double', text: 'of how much' },
  progressRatio: { type: 'double', text: '0 to 1; absent without a total' },
  hook: { type: 'string', text: 'the hook that failed' },
  observer: { type: 'string', text: 'the observer that failed or dropped events' },
  blocked: { type: 'double', text: 'seconds that the event loop stood still' },
  operation: { type: 'string', text: 'the store’s operation' },
  code: { type: 'string', text: 'the code of the store’s error' },
  count: { type: 'int', text: 'how many: tasks that wait, or failures since the last record' },
  queue: { type: 'string', text: 'the queue; `*` for all of the executor' },
}

const OPERATION = ['system', 'operationName', 'operationType'] as const
const TASK = ['destination', 'messageId', 'taskName', 'priority', 'source'] as const
const SOMETIMES = ['label', 'conversation', 'parentId'] as const

export interface SpanEntry {
  readonly name: string
  readonly kind: string
  readonly text: string
  readonly attributes: readonly Name[]
}

const SEND = [
  ...OPERATION,
  ...TASK,
  ...SOMETIMES,
  'deduplicated',
  'batchCount',
  'errorType',
] as const

/** Spans, by operation. Tags come besides, on all that are about one task. */
export const SPANS: Readonly<Record<'enqueue' | 'schedule' | 'create' | 'process', SpanEntry>> = {
  enqueue: {
    name: 'enqueue {task}',
    kind: 'PRODUCER',
    text: 'A call of `enqueue` or `enqueueMany`: begins before the record is stored, and ends after it. Its context is stored with the record. Of a batch of several task names it is `enqueue`. With `createSpans`, that of a batch is a CLIENT span.',
    attributes: [...SEND, 'retryOf'],
  },
  schedule: {
    name: 'schedule {task}',
    kind: 'PRODUCER',
    text: 'The same, when all that is enqueued is due later.',
    attributes: SEND,
  },
  create: {
    name: 'create {task}',
    kind: 'PRODUCER',
    text: 'With `createSpans`: one for each task of a batch, whose own context is stored with the record; the span of the call links to it.',
    attributes: [...OPERATION, ...TASK, ...SOMETIMES],
  },
  process: {
    name: 'process {task}',
    kind: 'CONSUMER',
    text: 'One attempt, active around its body; ends when its outcome is decided, at a deadline even if the body runs on. Links to the enqueue (`creation`), and to the attempt before it (`previous_attempt`).',
    attributes: [
      ...OPERATION,
      ...TASK,
      ...SOMETIMES,
      'retryOf',
      'attempt',
      'maxAttempts',
      'recoveries',
      'outcome',
      'errorType',
      'expected',
    ],
  },
}

const E = ['messageId', 'taskName', 'attempt'] as const
const EXCEPTION = ['exceptionType', 'exceptionMessage', 'exceptionStack'] as const

/** Attributes of the log record of each event. Bound fields come besides, and tags with `logTags`. */
export const RECORDS: Readonly<Record<EventType, readonly Name[]>> = {
  'task.enqueued': [...E, 'source'],
  'task.scheduled': [...E, 'source', 'scheduledAt', 'delay'],
  'task.deduplicated': E,
  'attempt.started': [...E, 'waitDuration'],
  'task.log': [...E, ...EXCEPTION],
  'task.progress': [...E, 'progressDone', 'progressTotal', 'progressRatio'],
  'attempt.summary': [...E, 'outcome', 'attemptDuration', 'waitDuration'],
  'attempt.failed': [...E, 'errorType', 'failureReason', 'attemptDuration'],
  'task.retrying': [...E, 'retryDelay'],
  'task.succeeded': [...E, 'attemptDuration', 'taskDuration', 'resultBytes'],
  'task.failed': [
    ...E,
    'errorType',
    'failureReason',
    'attemptDuration',
    'taskDuration',
    'expected',
  ],
  'task.cancel_requested': [...E, 'cancelReason', 'cancelBy'],
  'task.cancelled': [...E, 'cancelReason', 'cancelBy', 'attemptDuration', 'taskDuration'],
  'task.interrupted': [...E, 'interruptReason', 'attemptDuration', 'taskDuration'],
  'task.requeued': [...E, 'interruptReason'],
  'task.expired': [...E, 'expiredAt', 'taskDuration'],
  'attempt.overrun': [...E, 'attemptOverrun'],
  'attempt.discarded': [...E, 'discardReason'],
  'hook.error': [...E, 'hook', ...EXCEPTION],
  'executor.started': [],
  'executor.closed': [],
  'executor.loop_blocked': ['blocked'],
  'executor.unknown_task': ['taskName', 'count'],
  'queue.paused': ['queue'],
  'queue.resumed': ['queue'],
  'observer.error': ['observer', 'count', ...EXCEPTION],
  'observer.dropped': ['observer', 'count'],
  'backend.error': ['operation', 'code', 'count', ...EXCEPTION],
}

/** The same of the records that are no event. */
export const EXCEPTION_RECORDS: Readonly<Record<keyof typeof EXCEPTION_EVENT, readonly Name[]>> = {
  process: [...E, 'errorType', ...EXCEPTION],
  send: ['taskName', 'errorType', ...EXCEPTION],
}

const M = [...OPERATION, 'destination', 'taskName'] as const

/** Attributes of each metric. Tags in `metricTags` come besides. */
export const METRICS: Readonly<Record<keyof typeof METRIC, readonly Name[]>> = {
  sent: M,
  sendDuration: [...M, 'errorType'],
  consumed: M,
  processDuration: [...M, 'errorType'],
  waitDuration: M,
  taskDuration: [...M, 'outcome', 'errorType'],
  retries: M,
  deduplications: M,
  stalls: M,
  active: ['system', 'state'],
  limit: ['system'],
  usage: ['system'],
  observerErrors: ['system', 'observerHook'],
}

const INSTRUMENTS = {
  counter: 'Counter',
  histogram: 'Histogram',
  observable: 'ObservableUpDownCounter',
}

/** The page. */
export function telemetryReference(): string {
  return [
    '# Telemetry reference',
    '',
    '<!-- Generated by scripts/telemetry-reference.ts: change it there. -->',
    '',
    `Every name that \`otelObserver\` emits; how to use it is in [OpenTelemetry](opentelemetry.md). Scope: \`${SYSTEM}\`, with the version of the package, and \`${SCHEMA_URL}\` as its schema, on all three signals.`,
    '',
    `Stability: \`error.*\` and \`exception.*\` are stable in the semantic conventions. \`messaging.*\` is in development there. \`${SYSTEM}.*\` is ours, and follows the version of the package. There are no conventions for tasks yet; when there are, they will be followed.`,
    '',
    '## Spans',
    '',
    "`{task}` is the task’s name, or with `spanNaming: 'queue'` its queue. The messaging conventions have the queue there by default, and let a system say otherwise; with one queue for most tasks, every span would have one name.",
    '',
    ...Object.values(SPANS).flatMap((span) => [
      `### \`${span.name}\``,
      '',
      `${span.kind}. ${span.text}`,
      '',
      `Attributes: ${names(span.attributes)}${span.name.startsWith('enqueue') || span.name.startsWith('schedule') ? ', and of a single task' : ', and'} its tags.`,
      '',
    ]),
    'No span lasts as long as its task, none is made for a wait, and none for an attempt that died with its process: such a span could never end.',
    '',
    "Status: UNSET, or ERROR with the error’s message; never OK. A cancelled attempt and one with an expected error are UNSET. `spanStatus: 'final'` leaves those that will be retried UNSET as well.",
    '',
    '## Log records',
    '',
    `One for each event from \`minLevel\` up, named \`${SYSTEM}.\` and the event’s type. The severity is the event’s level: debug 5, info 9, warning 13, error 17. The body is one sentence, always a string. Each is in the context of its attempt’s span, or of the enqueue’s while there is none.`,
    '',
    '| record | level | attributes |',
    '|---|---|---|',
    ...(Object.keys(RECORDS) as EventType[])
      .filter((type) => type !== 'task.log')
      .map(
        (type) =>
          `| \`${SYSTEM}.${type}\` | ${EVENT_LEVELS[type]} | ${names(RECORDS[type]) || 'none'} |`,
      ),
    `| a line of \`taskLog\`, without a name | its own, also as text | ${names(RECORDS['task.log'])}; its extra under its own keys |`,
    `| \`${EXCEPTION_EVENT.process}\` | warning if retried, info if expected, else error | ${names(EXCEPTION_RECORDS.process)} |`,
    `| \`${EXCEPTION_EVENT.send}\` | warning | ${names(EXCEPTION_RECORDS.send)} |`,
    '',
    'The levels of `attempt.failed` (warning when retried) and `task.failed` (error, unless expected) are the lowest they can have. `attempt.summary` comes only when `types` asks for it.',
    '',
    `An extra whose key begins like a name of the conventions or of ours is put under \`${PREFIX.extra}<key>\`. Nested values are kept up to 5 levels, 64 keys and 100 items each, strings up to 4,096 characters.`,
    '',
    '## Metrics',
    '',
    '| metric | instrument | unit | what it is | attributes |',
    '|---|---|---|---|---|',
    ...(Object.keys(METRIC) as (keyof typeof METRIC)[]).map((key) => {
      const { name, kind, unit, description } = METRIC[key]
      return `| \`${name}\` | ${INSTRUMENTS[kind]} | \`${unit}\` | ${description} | ${names(METRICS[key])} |`
    }),
    '',
    `Histograms advise these bounds, in seconds: ${DURATION_BUCKETS.join(', ')}. Never on a metric: ids, attempts, messages, and tags that were not asked for.`,
    '',
    '## Error types',
    '',
    '| `error.type` | when |',
    '|---|---|',
    '| the name of the error’s class, such as `TypeError` | it was thrown; at most 100 different ones in a process |',
    `| \`${ERROR_TYPE.timeout}\` | the attempt reached its deadline |`,
    `| \`${ERROR_TYPE.interrupted}\` | a shutdown, a crash or a lost lease cut it off |`,
    `| \`${ERROR_TYPE.other}\` | no error was thrown but something else, its name is no class name, or there are too many |`,
    '',
    'It is the same on span, record and metric.',
    '',
    '## Attributes',
    '',
    '| attribute | type | what it holds |',
    '|---|---|---|',
    ...(Object.keys(ATTRIBUTES) as Name[])
      .toSorted((a, b) => (ATTR[a] < ATTR[b] ? -1 : 1))
      .map((name) => `| \`${ATTR[name]}\` | ${ATTRIBUTES[name].type} | ${ATTRIBUTES[name].text} |`),
    `| \`${PREFIX.tag}<key>\` | string | a tag, cut at 256 characters |`,
    `| \`${PREFIX.context}<key>\` | any | a bound request or task field; on log records |`,
    `| \`${PREFIX.extra}<key>\` | any | an extra whose key is taken; on log records |`,
    '',
    '## Where this differs from the conventions',
    '',
    '- The name of a span has the task and not the queue, as above.',
    '- The exception of an attempt that will be retried is WARN and not ERROR: the conventions for exceptions let the severity say the impact, and there is none yet. `retriedExceptionSeverity` changes it.',
    '- Exceptions are log records, as the stable conventions have it. Without a logs SDK they are events of their span.',
    '- Durations of events are attributes in seconds, like those of metrics.',
    '',
  ].join('\n')
}

function names(list: readonly Name[]): string {
  return list.map((name) => `\`${ATTR[name]}\``).join(', ')
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(join(import.meta.dirname, '../docs/telemetry-reference.md'), telemetryReference())
