import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  trace,
  type Context,
  type SpanContext,
} from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import type { TaskEvent } from '../../../../src/events/event.ts'
import {
  createAttemptContexts,
  markedContext,
  type AttemptContext,
} from '../../../../src/observers/otel/attempt-contexts.ts'
import { registerContext } from '../../../support/otel-sdk.ts'

registerContext()

const KEY = createContextKey('which')
const whichOf = (of: Context | undefined): unknown => of?.getValue(KEY)

function entry(taskId: string, attempt: number): AttemptContext {
  const which = `${taskId}:${attempt}`
  const marked = markedContext(ROOT_CONTEXT, { taskId, attempt })
  return { taskId, attempt, context: marked.setValue(KEY, which) }
}
const spanOf = ({ taskId, attempt }: AttemptContext): SpanContext => {
  return { traceId: 'a'.repeat(32), spanId: `${taskId}:${attempt}`, traceFlags: 1 }
}
const spanIn = (of: Context | undefined): string | undefined =>
  of && trace.getSpanContext(of)?.spanId
const event = (taskId: string, attempt: number, type = 'task.progress'): TaskEvent =>
  ({ type, taskId, attempt }) as unknown as TaskEvent

describe('attempt contexts', () => {
  it('finds an attempt while it runs and after it, and none that it was not told of', () => {
    const contexts = createAttemptContexts()
    expect(contexts.of(event('t', 0))).toBeUndefined()
    const first = entry('t', 0)
    contexts.begun(first)
    expect(whichOf(contexts.of(event('t', 0)))).toBe('t:0')
    expect(contexts.of(event('t', 1))).toBeUndefined()
    expect(contexts.of(event('other', 0))).toBeUndefined()
    contexts.ended(first, spanOf(first))
    expect(spanIn(contexts.of(event('t', 0)))).toBe('t:0')
    expect(contexts.of(event('t', 1))).toBeUndefined()
  })

  it('an attempt whose body outlived it is still found while the next one runs', () => {
    const contexts = createAttemptContexts()
    const [first, second] = [entry('t', 0), entry('t', 1)]
    contexts.begun(first)
    contexts.ended(first, spanOf(first))
    contexts.begun(second)
    expect(spanIn(contexts.of(event('t', 0, 'attempt.overrun')))).toBe('t:0')
    expect(whichOf(contexts.of(event('t', 1)))).toBe('t:1')
  })

  it('a line is in the active context if that is of its attempt, and not if it is of another', () => {
    const contexts = createAttemptContexts()
    const [own, other] = [entry('t', 1), entry('t', 0)]
    contexts.begun(own)
    const at = (active: Context): unknown =>
      context.with(active, () => whichOf(contexts.of(event('t', 1, 'task.log'))))
    expect(at(own.context.setValue(KEY, 'inner'))).toBe('inner')
    expect(at(other.context)).toBe('t:1')
    expect(at(entry('u', 1).context)).toBe('t:1')
    expect(at(ROOT_CONTEXT.setValue(KEY, 'a request'))).toBe('t:1')
  })

  it('forgets those that ended first, beyond 4,096', () => {
    const contexts = createAttemptContexts()
    for (let index = 0; index <= 4_096; index++) {
      const each = entry(`t${index}`, 0)
      contexts.begun(each)
      contexts.ended(each, spanOf(each))
    }
    expect(contexts.of(event('t0', 0))).toBeUndefined()
    expect(spanIn(contexts.of(event('t1', 0)))).toBe('t1:0')
    expect(spanIn(contexts.of(event('t4096', 0)))).toBe('t4096:0')
  })
})
