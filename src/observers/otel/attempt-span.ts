/** The span of one attempt: active around its body, ended when its outcome is decided. */

import type { Attributes, Context, Link, Span, SpanContext } from '@opentelemetry/api'
import type { Level } from '../../task/level.ts'
import { serializeError } from '../../task/serialized-error.ts'
import type { RunOperation, RunResult } from '../observer.ts'
import type { KnownAttempt } from './attempt-contexts.ts'
import { INVALID_TRACEID, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from './api.ts'
import { spanName, taskAttributes } from './attributes.ts'
import { extract, inject, spanContextIn, validSpanContext } from './carrier.ts'
import { recordException } from './exception.ts'
import { ATTR, ERROR_TYPE, EXCEPTION_EVENT, LINK, type OutcomeName } from './semconv.ts'
import { seconds } from './severity.ts'
import { spanScope } from './span-scope.ts'
import { isLevelWanted } from './wanted.ts'
import type { Telemetry } from './telemetry.ts'

export interface AttemptSpan {
  /** What its body runs in. */
  readonly context: Context
  end(result: RunResult): void
  /** For an end that nobody could foresee. */
  abandon(): void
}

/** Begins the span of `run`. */
export function beginAttempt(telemetry: Telemetry, run: RunOperation): AttemptSpan {
  const { settings } = telemetry
  const { task, attempt } = run
  const { parent, isRoot, links } = placeOf(telemetry, run)
  const attributes = taskAttributes(task, 'process', settings)
  attributes[ATTR.attempt] = attempt
  if (Number.isFinite(run.maxAttempts)) attributes[ATTR.maxAttempts] = run.maxAttempts
  if (run.recoveries > 0) attributes[ATTR.recoveries] = run.recoveries
  const options = { kind: SpanKind.CONSUMER, attributes, links, root: isRoot }
  const span = telemetry.tracer().startSpan(spanName('process', [task], settings), options, parent)
  const spanContext = span.spanContext()
  const isTraced = spanContext.traceId !== INVALID_TRACEID
  // The span alone: what the next attempt links to. Baggage is on the record already, if it is to be.
  if (isTraced) inject(spanScope(ROOT_CONTEXT, span), run.attemptCarrier, true)
  return new OpenSpan(telemetry, run, span, isTraced ? spanContext : undefined, parent)
}

// A class: one is made for every attempt.
class OpenSpan implements AttemptSpan {
  readonly context: Context
  readonly #telemetry: Telemetry
  readonly #run: RunOperation
  readonly #span: Span
  /** Undefined without an SDK for spans: the attempt is counted, and its exception recorded. */
  readonly #spanContext: SpanContext | undefined
  /** As log records find it. */
  #known: KnownAttempt | undefined

  constructor(
    telemetry: Telemetry,
    run: RunOperation,
    span: Span,
    spanContext: SpanContext | undefined,
    parent: Context,
  ) {
    this.#telemetry = telemetry
    this.#run = run
    this.#span = span
    this.#spanContext = spanContext
    this.context = spanContext === undefined ? parent : this.#begun(parent)
    // What cannot be counted is still to be seen.
    telemetry.guard('wrapRun', () => countStart(telemetry, run, this.context))
  }

  #begun(parent: Context): Context {
    const { attempts, guard, logger } = this.#telemetry
    // Log records find it again; without any, there is nobody to look for it.
    let isLogging = false
    guard('wrapRun', () => (isLogging = logger().enabled()))
    if (!isLogging) return spanScope(parent, this.#span)
    const { task, attempt } = this.#run
    this.#known = attempts.begun(task.id, attempt, parent, this.#span)
    return this.#known.context
  }

  end(result: RunResult): void {
    const telemetry = this.#telemetry
    const run = this.#run
    let errorType: string | undefined
    try {
      if (this.#spanContext !== undefined) this.#span.setAttribute(ATTR.outcome, outcomeOf(result))
      errorType = failureOf(telemetry, run, result, this.#span, this.context)
    } finally {
      this.abandon()
    }
    countEnd(telemetry, run, result, errorType, this.context)
  }

  abandon(): void {
    if (this.#spanContext === undefined) return
    if (this.#known !== undefined) this.#telemetry.attempts.ended(this.#known, this.#spanContext)
    this.#span.end()
  }
}

/** Where the span begins: below the span of the enqueue, or anew; and what it links to. */
function placeOf(
  telemetry: Telemetry,
  run: RunOperation,
): { readonly parent: Context; readonly isRoot: boolean; readonly links: Link[] } {
  const style = styleOf(telemetry, run)
  const stored = style === 'none' ? ROOT_CONTEXT : extract(run.carrier)
  const creation = validSpanContext(stored)
  const isRoot = style !== 'child' || creation === undefined
  const links: Link[] = []
  if (creation !== undefined) links.push(link(creation, LINK.creation))
  const previous = spanContextIn(run.previousCarrier)
  if (previous !== undefined) links.push(link(previous, LINK.previousAttempt))
  return { parent: isRoot ? trace.deleteSpan(stored) : stored, isRoot, links }
}

function link(spanContext: SpanContext, type: string): Link {
  return { context: spanContext, attributes: { [ATTR.linkType]: type } }
}

function styleOf(telemetry: Telemetry, run: RunOperation): 'child' | 'link' | 'none' {
  const { settings } = telemetry
  const { task, startedAt } = run
  const style = task.propagation ?? asked(telemetry, run)
  if (style !== 'auto') return style
  const isSoon = startedAt - task.createdAt <= settings.childWithinMs
  return isSoon && task.source !== 'schedule' ? 'child' : 'link'
}

// A function of the user's: what it throws or answers wrongly costs the trace its shape, and no more.
function asked(telemetry: Telemetry, run: RunOperation): 'auto' | 'child' | 'link' | 'none' {
  try {
    const style: unknown = telemetry.settings.propagation(run.task)
    if (style === 'child' || style === 'link' || style === 'none' || style === 'auto') return style
    telemetry.failed(
      'wrapRun',
      new TypeError('propagation: the function answered none of the four'),
    )
  } catch (error) {
    telemetry.failed('wrapRun', error)
  }
  return 'auto'
}

function countStart(telemetry: Telemetry, run: RunOperation, own: Context): void {
  const { consumed, waitDuration, isSilent } = telemetry.instruments()
  if (isSilent) return
  const { name, queue, tags, dueAt } = run.task
  const attributes = telemetry.metricAttributes({ operation: 'process', name, queue, tags })
  consumed.add(1, attributes, own)
  waitDuration.record(seconds(Math.max(0, run.startedAt - dueAt)), attributes, own)
}

function countEnd(
  telemetry: Telemetry,
  run: RunOperation,
  result: RunResult,
  errorType: string | undefined,
  own: Context,
): void {
  const { processDuration, isSilent } = telemetry.instruments()
  if (isSilent) return
  const { name, queue, tags } = run.task
  const subject = { operation: 'process' as const, name, queue, tags, errorType }
  processDuration.record(seconds(result.durationMs), telemetry.metricAttributes(subject), own)
}

function outcomeOf(result: RunResult): OutcomeName {
  switch (result.outcome) {
    case 'success':
      return 'succeeded'
    case 'failure':
      if (result.status === 'retrying') return 'retry'
      return result.reason === 'timeout' ? 'timed_out' : 'failed'
    case 'cancel':
      return 'cancelled'
    case 'interrupt':
      return 'interrupted'
  }
}

/** Marks the span as failed, if it is, and records its exception. Answers the `error.type`. */
function failureOf(
  telemetry: Telemetry,
  run: RunOperation,
  result: RunResult,
  span: Span,
  own: Context,
): string | undefined {
  const { settings } = telemetry
  if (result.outcome === 'interrupt') {
    span.setAttribute(ATTR.errorType, ERROR_TYPE.interrupted)
    const message = `interrupted: ${String(result.reason ?? 'shutdown')}`
    span.setStatus({ code: SpanStatusCode.ERROR, message })
    return ERROR_TYPE.interrupted
  }
  if (result.outcome !== 'failure') return undefined
  const error = serializeError(result.error)
  const errorType = telemetry.errorType(result.reason, error.name)
  span.setAttribute(ATTR.errorType, errorType)
  const isRetried = result.status === 'retrying'
  const isExpected = result.expected === true
  if (isExpected) span.setAttribute(ATTR.expected, true)
  // What the definition expects is nobody's alarm.
  else if (!isRetried || settings.marksRetried)
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  // The deadline's error is ours: nothing was thrown.
  if (result.reason === 'timeout') return errorType
  const level: Level = isRetried ? settings.retriedLevel : isExpected ? 'info' : 'error'
  if (!isLevelWanted(telemetry.levels, run.task, level)) return errorType
  const attributes: Attributes = {
    [ATTR.messageId]: run.task.id,
    [ATTR.taskName]: run.task.name,
    [ATTR.attempt]: run.attempt,
    [ATTR.errorType]: errorType,
  }
  const eventName = EXCEPTION_EVENT.process
  // Now, as the span has it: the record's `startedAt` is from before the start was written.
  const time = Date.now()
  const what = { eventName, level, error, withStack: !isExpected, time, attributes }
  telemetry.guard('wrapRun', () => recordException(telemetry, what, span, own))
  return errorType
}
