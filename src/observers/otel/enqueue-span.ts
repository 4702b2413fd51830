/** The span of an enqueue: around the storing of the record, which carries its context. */

import type { Attributes, Context, Link, Span } from '@opentelemetry/api'
import { serializeError } from '../../task/serialized-error.ts'
import type { EnqueueOperation, TaskDraft } from '../observer.ts'
import { context, INVALID_TRACEID, SpanKind, SpanStatusCode } from './api.ts'
import { common, sendAttributes, spanName, taskAttributes } from './attributes.ts'
import { inject } from './carrier.ts'
import { recordException } from './exception.ts'
import { ATTR, EXCEPTION_EVENT, LINK, type OperationName } from './semconv.ts'
import { seconds } from './severity.ts'
import { enqueueScope, spanScope } from './span-scope.ts'
import type { Telemetry } from './telemetry.ts'

export interface EnqueueSpan {
  readonly context: Context
  stored(answer: unknown): void
  refused(error: unknown): void
}

/** Begins the span and fills the carrier. */
export function beginEnqueue(telemetry: Telemetry, operation: EnqueueOperation): EnqueueSpan {
  const { settings } = telemetry
  const { tasks, carrier, carriers } = operation
  const name = operationName(tasks)
  const tracer = telemetry.tracer()
  const parent = context.active()
  const perTask = settings.createSpans && tasks.length > 1
  // The span of each task ends at once: it is there to be what the task's attempts are children of, or link to.
  const links: Link[] = []
  if (perTask) {
    for (const [index, task] of tasks.entries()) {
      const attributes = taskAttributes(task, 'create', settings)
      const options = { kind: SpanKind.PRODUCER, attributes }
      const span = tracer.startSpan(spanName('create', [task], settings), options, parent)
      links.push({ context: span.spanContext(), attributes: { [ATTR.linkType]: LINK.creation } })
      inject(spanScope(parent, span), carriers[index] ?? {}, settings.persistBaggage)
      span.end()
    }
  }
  const span = tracer.startSpan(
    spanName(name, tasks, settings),
    {
      kind: perTask ? SpanKind.CLIENT : SpanKind.PRODUCER,
      attributes: sendAttributes(tasks, name, settings),
      links,
    },
    parent,
  )
  // Without an SDK for spans what comes from outside is passed on as it is.
  const isTraced = span.spanContext().traceId !== INVALID_TRACEID
  const own = isTraced ? enqueueScope(parent, span) : parent
  if (!perTask) inject(own, carrier, settings.persistBaggage)
  const startedAtMs = performance.now()

  function over(errorType: string | undefined): void {
    span.end()
    const { sendDuration, isSilent } = telemetry.instruments()
    if (isSilent) return
    const subject = {
      operation: name,
      name: common(tasks, (task) => task.name),
      queue: common(tasks, (task) => task.queue),
      tags: tasks.length === 1 ? (tasks[0]?.tags ?? {}) : {},
      errorType,
    }
    const attributes = telemetry.metricAttributes(subject)
    const durationMs = performance.now() - startedAtMs
    sendDuration.record(seconds(durationMs), attributes, own)
  }

  return {
    context: own,
    stored(answer) {
      const fresh: TaskDraft[] = []
      for (const [index, task] of tasks.entries()) {
        const existing = existingId(answer, index)
        if (existing === undefined) fresh.push(task)
        else linkTo(telemetry, span, existing, tasks.length === 1)
      }
      over(undefined)
      for (const task of fresh) countSent(telemetry, task, name, own)
    },
    refused(thrown) {
      const error = serializeError(thrown)
      const errorType = telemetry.errorType(undefined, error.name)
      span.setAttribute(ATTR.errorType, errorType)
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      const [task] = tasks
      const attributes: Attributes = { [ATTR.errorType]: errorType }
      if (task !== undefined) attributes[ATTR.taskName] = task.name
      const time = task?.createdAt ?? Date.now()
      const what = { eventName: EXCEPTION_EVENT.send, level: 'warning' as const, error, attributes }
      telemetry.guard('wrapEnqueue', () =>
        recordException(telemetry, { ...what, withStack: true, time }, span, own),
      )
      over(errorType)
    },
  }
}

// A batch is scheduled when all of it is: what is due at once is an enqueue.
function operationName(tasks: readonly TaskDraft[]): OperationName {
  return tasks.every((task) => task.dueAt > task.createdAt) ? 'schedule' : 'enqueue'
}

function countSent(
  telemetry: Telemetry,
  task: TaskDraft,
  operation: OperationName,
  own: Context,
): void {
  const { sent, isSilent } = telemetry.instruments()
  if (isSilent) return
  const { name, queue, tags } = task
  sent.add(1, telemetry.metricAttributes({ operation, name, queue, tags }), own)
}

/** Nothing new was stored: the span says which task is there already, and links to the span that it came from. */
function linkTo(telemetry: Telemetry, span: Span, id: string, isOnly: boolean): void {
  span.setAttribute(ATTR.deduplicated, true)
  if (isOnly) span.setAttribute(ATTR.messageId, id)
  const creation = telemetry.met.get(id)
  telemetry.met.delete(id)
  if (creation !== undefined)
    span.addLink({ context: creation, attributes: { [ATTR.linkType]: LINK.creation } })
}

/** The handles of the calls, one per task, as `next` gives them. */
function existingId(answer: unknown, index: number): string | undefined {
  const handles = answer as readonly { readonly id?: unknown; readonly deduplicated?: unknown }[]
  const handle = Array.isArray(handles) ? handles[index] : undefined
  return handle?.deduplicated === true && typeof handle.id === 'string' ? handle.id : undefined
}
