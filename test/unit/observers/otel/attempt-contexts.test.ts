import { context, createContextKey, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import type { TaskEvent } from '../../../../src/events/event.ts'
import {
  createAttemptContexts,
  type AttemptContexts,
  type KnownAttempt,
} from '../../../../src/observers/otel/attempt-contexts.ts'
import { registerContext } from '../../../support/otel-sdk.ts'

registerContext()

const KEY = createContextKey('which')
const BAGGAGE = createContextKey('what the parent has')
const parent = ROOT_CONTEXT.setValue(BAGGAGE, 'baggage')

const spanContext = (taskId: string, attempt: number) => {
  return { traceId: 'a'.repeat(32), spanId: `${taskId}:${attempt}`, traceFlags: 1 }
}
function begin(contexts: AttemptContexts, taskId: string, attempt: number): KnownAttempt {
  const span = trace.wrapSpanContext(spanContext(taskId, attempt))
  return contexts.begun(taskId, attempt, parent, span)
}
function end(contexts: AttemptContexts, known: KnownAttempt): void {
  contexts.ended(known, spanContext(known.taskId, known.attempt))
}
const spanIn = (of: Context | undefined): string | undefined =>
  of && trace.getSpanContext(of)?.spanId
const event = (taskId: string, attempt: number, type = 'task.progress'): TaskEvent =>
  ({ type, taskId, attempt }) as unknown as TaskEvent

describe('attempt contexts', () => {
  it('finds an attempt while it runs and after it, and none that it was not told of', () => {
    const contexts = createAttemptContexts(false)
    expect(contexts.of(event('t', 0))).toBeUndefined()
    const first = begin(contexts, 't', 0)
    expect(contexts.of(event('t', 0))).toBe(first.context)
    expect(spanIn(first.context)).toBe('t:0')
    expect(first.context.getValue(BAGGAGE)).toBe('baggage')
    expect(contexts.of(event('t', 1))).toBeUndefined()
    expect(contexts.of(event('other', 0))).toBeUndefined()
    end(contexts, first)
    expect(spanIn(contexts.of(event('t', 0)))).toBe('t:0')
    expect(contexts.of(event('t', 0))?.getValue(BAGGAGE)).toBeUndefined()
    expect(contexts.of(event('t', 1))).toBeUndefined()
  })

  it('an attempt whose body outlived it is still found while the next one runs', () => {
    const contexts = createAttemptContexts(false)
    const first = begin(contexts, 't', 0)
    end(contexts, first)
    const second = begin(contexts, 't', 1)
    expect(spanIn(contexts.of(event('t', 0, 'attempt.overrun')))).toBe('t:0')
    expect(contexts.of(event('t', 1))).toBe(second.context)
  })

  it('a line is in the active context if that is of its attempt, and not if it is of another', () => {
    const contexts = createAttemptContexts(false)
    const [own, other, foreign] = [
      begin(contexts, 't', 1),
      begin(createAttemptContexts(false), 't', 0),
      begin(contexts, 'u', 1),
    ]
    const at = (active: Context): Context | undefined =>
      context.with(active, () => contexts.of(event('t', 1, 'task.log')))
    const inner = own.context.setValue(KEY, 'inner')
    expect(at(inner)).toBe(inner)
    expect(spanIn(inner)).toBe('t:1')
    expect(inner.getValue(BAGGAGE)).toBe('baggage')
    const outsideOfSpans = trace.deleteSpan(own.context)
    expect(at(outsideOfSpans)).toBe(outsideOfSpans)
    expect(spanIn(outsideOfSpans)).toBeUndefined()
    expect(at(other.context)).toBe(own.context)
    expect(at(foreign.context)).toBe(own.context)
    expect(at(ROOT_CONTEXT.setValue(KEY, 'a request'))).toBe(own.context)
  })

  it('remembers the 4,096 that ended last, and not twice as many', () => {
    const contexts = createAttemptContexts(false)
    const running = begin(contexts, 'running', 0)
    for (let index = 0; index < 8_200; index++) end(contexts, begin(contexts, `t${index}`, 0))
    expect(contexts.of(event('t0', 0))).toBeUndefined()
    expect(spanIn(contexts.of(event('t4104', 0)))).toBe('t4104:0')
    expect(spanIn(contexts.of(event('t8199', 0)))).toBe('t8199:0')
    expect(contexts.of(event('running', 0))).toBe(running.context)
    for (let index = 0; index < 10_000; index++) end(contexts, begin(contexts, `u${index}`, 0))
    expect(contexts.of(event('running', 0))).toBe(running.context)
    end(contexts, running)
    expect(spanIn(contexts.of(event('running', 0)))).toBe('running:0')
  })

  it('forgets what has ended sooner where only lines are logged, and nothing that runs', () => {
    const contexts = createAttemptContexts(true)
    const running = begin(contexts, 'running', 0)
    for (let index = 0; index < 1_000; index++) end(contexts, begin(contexts, `t${index}`, 0))
    expect(contexts.of(event('t0', 0))).toBeUndefined()
    expect(contexts.of(event('running', 0, 'task.log'))).toBe(running.context)
  })
})
