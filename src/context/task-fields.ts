/** What lines of a user's own logger should carry: whose they are, as the library's own lines say it. */

import { activeTrace } from '../events/active-trace.ts'
import type { Json } from '../task/json.ts'
import type { ContextFields } from '../task/record.ts'
import { traceIdOf } from '../task/trace-id.ts'
import { currentScope } from './scope.ts'

/** Fields for a log line. What does not apply is absent. */
export interface TaskFields {
  taskId?: string
  taskName?: string
  /** Zero-based. */
  attempt?: number
  /** 32 hex digits: of the active span, else of the trace that the task came from. */
  trace_id?: string
  /** 16 hex digits: of the active span. */
  span_id?: string
  /** The bound request and task fields. */
  context?: Record<string, unknown>
}

/**
 * Whose line this would be: the running task, the active trace, and the bound fields; outside a task the last two. Never
 * throws; fresh at each call, so it may be changed.
 *
 * `trace_id` and `span_id` are those of the active OpenTelemetry span once there is an `otelObserver`.
 * @example
 * const logger = winston.createLogger({ format: winston.format((line) => Object.assign(line, taskFields()))() })
 */
export function taskFields(): TaskFields {
  const fields: TaskFields = {}
  const scope = currentScope()
  const task = scope?.attempt?.context
  if (task !== undefined) {
    fields.taskId = task.taskId
    fields.taskName = task.taskName
    fields.attempt = task.attempt
  }
  const active = activeTrace()
  if (active !== undefined) {
    fields.trace_id = active.traceId
    fields.span_id = active.spanId
  } else {
    const traceId = traceIdOf(task?.traceContext)
    if (traceId !== undefined) fields.trace_id = traceId
  }
  const context = scope === undefined ? undefined : copyOf(scope.fields)
  if (context !== undefined) fields.context = context
  return fields
}

/**
 * {@link taskFields} as pino's `mixin`: every line of the logger carries them.
 *
 * With OpenTelemetry's instrumentation of pino nothing is said twice: both write the same two fields.
 * @example
 * const logger = pino({ mixin: taskMixin() })
 */
export function taskMixin(): () => TaskFields & Record<string, unknown> {
  return () => ({ ...taskFields() })
}

// Bound fields are frozen, and redaction changes what it is given.
function copyOf(fields: ContextFields): Record<string, unknown> | undefined {
  let copy: Record<string, unknown> | undefined
  for (const key of Object.keys(fields)) {
    copy ??= {}
    copy[key] = thawed(fields[key] as Json)
  }
  return copy
}

function thawed(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: Json) => thawed(item))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, thawed(item)]))
}
