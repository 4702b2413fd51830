/**
 * Every name that the OpenTelemetry observer emits, in one place. `messaging.*`, `exception.*` and `error.type` are from the
 * semantic conventions (1.44); there is none for tasks yet, so all else is under `plainsight.*`. Copied, not imported:
 * the unstable ones may change under their users.
 */

/** `messaging.system`, the instrumentation scope, and the prefix of all names of our own. */
export const SYSTEM = 'plainsight'
/** The scope's version: that of the package. */
export const VERSION = '0.1.0'
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.44.0'

export const ATTR = {
  batchCount: 'messaging.batch.message_count',
  conversation: 'messaging.message.conversation_id',
  destination: 'messaging.destination.name',
  messageId: 'messaging.message.id',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  system: 'messaging.system',

  errorType: 'error.type',
  exceptionMessage: 'exception.message',
  exceptionStack: 'exception.stacktrace',
  exceptionType: 'exception.type',

  attempt: 'plainsight.task.attempt',
  attemptDuration: 'plainsight.attempt.duration',
  attemptOverrun: 'plainsight.attempt.overrun',
  blocked: 'plainsight.executor.loop.blocked',
  cancelBy: 'plainsight.task.cancel.by',
  cancelReason: 'plainsight.task.cancel.reason',
  code: 'plainsight.error.code',
  count: 'plainsight.count',
  deduplicated: 'plainsight.task.deduplicated',
  delay: 'plainsight.task.delay',
  discardReason: 'plainsight.attempt.discard.reason',
  expected: 'plainsight.task.expected',
  expiredAt: 'plainsight.task.expired_at',
  failureReason: 'plainsight.task.failure.reason',
  hook: 'plainsight.hook.name',
  interruptReason: 'plainsight.task.interrupt.reason',
  label: 'plainsight.task.label',
  linkType: 'plainsight.link.type',
  maxAttempts: 'plainsight.task.max_attempts',
  observer: 'plainsight.observer.name',
  observerHook: 'plainsight.observer.hook',
  operation: 'plainsight.backend.operation',
  outcome: 'plainsight.task.outcome',
  parentId: 'plainsight.task.parent_id',
  priority: 'plainsight.task.priority',
  progressDone: 'plainsight.task.progress.done',
  progressRatio: 'plainsight.task.progress.ratio',
  progressTotal: 'plainsight.task.progress.total',
  queue: 'plainsight.queue.name',
  recoveries: 'plainsight.task.recoveries',
  resultBytes: 'plainsight.task.result.size',
  retryDelay: 'plainsight.task.retry.delay',
  retryOf: 'plainsight.task.retry_of',
  scheduledAt: 'plainsight.task.scheduled_at',
  source: 'plainsight.task.source',
  state: 'plainsight.task.state',
  taskDuration: 'plainsight.task.duration',
  taskName: 'plainsight.task.name',
  waitDuration: 'plainsight.task.wait_duration',
} as const

/** Followed by the tag's key, the extra's, or the bound field's. */
export const PREFIX = {
  tag: 'plainsight.task.tag.',
  extra: 'plainsight.extra.',
  context: 'plainsight.context.',
} as const

/** An extra whose key begins like this is given {@link PREFIX.extra}: these names mean something already. */
export const RESERVED: readonly string[] = [
  'code.',
  'error.',
  'exception.',
  'messaging.',
  'otel.',
  `${SYSTEM}.`,
]

/** The first word of a span's name, and `messaging.operation.name`; with the type that each has. */
export const OPERATION_TYPES = {
  enqueue: 'send',
  schedule: 'send',
  create: 'create',
  process: 'process',
} as const

export type OperationName = keyof typeof OPERATION_TYPES

/** Values of `plainsight.link.type`. */
export const LINK = { creation: 'creation', previousAttempt: 'previous_attempt' } as const

/** Values of `plainsight.task.outcome`; `retry` is of spans only, `expired` of metrics only. */
export type OutcomeName =
  | 'succeeded'
  | 'failed'
  | 'timed_out'
  | 'retry'
  | 'cancelled'
  | 'interrupted'
  | 'expired'

/** Values of `error.type` that are no class name. */
export const ERROR_TYPE = {
  timeout: 'timeout',
  interrupted: 'interrupted',
  other: '_OTHER',
} as const

/** Names of log records that are no event of ours; an event's record has {@link SYSTEM}, a dot and its type. */
export const EXCEPTION_EVENT = {
  process: 'messaging.process.exception',
  send: 'messaging.send.exception',
} as const

export interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'histogram' | 'observable'
  readonly unit: string
  readonly description: string
}

/** In seconds. The messaging list, which ends at 10, and on from there: tasks run longer than messages travel. */
export const DURATION_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900, 3600,
]

type MetricKey =
  | 'sent'
  | 'sendDuration'
  | 'consumed'
  | 'processDuration'
  | 'waitDuration'
  | 'taskDuration'
  | 'retries'
  | 'deduplications'
  | 'stalls'
  | 'active'
  | 'limit'
  | 'usage'
  | 'observerErrors'

export const METRIC: Readonly<Record<MetricKey, Metric>> = {
  sent: {
    name: 'messaging.client.sent.messages',
    kind: 'counter',
    unit: '{message}',
    description: 'Tasks that were accepted',
  },
  sendDuration: {
    name: 'messaging.client.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long a call of enqueue took, storing included',
  },
  consumed: {
    name: 'messaging.client.consumed.messages',
    kind: 'counter',
    unit: '{message}',
    description: 'Attempts that were started',
  },
  processDuration: {
    name: 'messaging.process.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long an attempt ran',
  },
  waitDuration: {
    name: 'plainsight.task.wait.duration',
    kind: 'histogram',
    unit: 's',
    description: 'From due to started',
  },
  taskDuration: {
    name: 'plainsight.task.duration',
    kind: 'histogram',
    unit: 's',
    description: 'From enqueue to the end of the task',
  },
  retries: {
    name: 'plainsight.task.retries',
    kind: 'counter',
    unit: '{retry}',
    description: 'Failed attempts that are followed by another',
  },
  deduplications: {
    name: 'plainsight.task.deduplications',
    kind: 'counter',
    unit: '{task}',
    description: 'Calls of enqueue that met an existing task by its idempotency key',
  },
  stalls: {
    name: 'plainsight.task.stalls',
    kind: 'counter',
    unit: '{stall}',
    description: 'Attempts that a crash or a lost lease cut off',
  },
  active: {
    name: 'plainsight.task.active',
    kind: 'observable',
    unit: '{task}',
    description: 'Tasks in the memory of the executors of this process, by state',
  },
  limit: {
    name: 'plainsight.worker.limit',
    kind: 'observable',
    unit: '{slot}',
    description: 'Attempts that the executors of this process may run at once',
  },
  usage: {
    name: 'plainsight.worker.usage',
    kind: 'observable',
    unit: '{slot}',
    description: 'Slots that are taken',
  },
  observerErrors: {
    name: 'plainsight.observer.errors',
    kind: 'counter',
    unit: '{error}',
    description: 'Failures of the telemetry itself; no task is affected by one',
  },
}

/** Values of `plainsight.task.state`. */
export const STATES = ['queued', 'scheduled', 'running', 'retrying'] as const
