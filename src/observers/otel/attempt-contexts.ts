/** Where the span of an attempt is found again by events that are published outside of it. */

import type { Context, Span, SpanContext } from '@opentelemetry/api'
import type { TaskEvent } from '../../events/event.ts'
import { context, ROOT_CONTEXT, trace } from './api.ts'
import { attemptAround, attemptScope, type AttemptMark } from './span-scope.ts'

/** An attempt that has begun. */
export interface KnownAttempt extends AttemptMark {
  /** With the span in it. */
  readonly context: Context
}

export interface AttemptContexts {
  /** Makes the context of an attempt, and knows it from now on. */
  begun(taskId: string, attempt: number, parent: Context, span: Span): KnownAttempt
  /** From now on all that is known of it is its span: what its context holds on to is let go. */
  ended(known: KnownAttempt, span: SpanContext): void
  /** The context to log `event` in; `undefined` when its attempt is not known here. */
  of(event: TaskEvent): Context | undefined
}

/**
 * At least so many ended attempts are remembered, and at most twice as many: what is published of them comes when their
 * outcome is stored, or later.
 */
const MIN_ENDED = 4_096
/** Where only lines are logged: none comes of an attempt that has ended. They are forgotten young, as most objects are. */
const MIN_ENDED_OF_LINES = 256

// A class: one is made for every attempt.
class Known implements AttemptMark {
  readonly taskId: string
  readonly attempt: number
  /** Of an attempt that has not ended: with the span in it. */
  context: Context | undefined
  /** Of one that has. */
  span: SpanContext | undefined
  /** The attempt of the same task before this one: its body may have outlived it. */
  before: Known | undefined

  constructor(taskId: string, attempt: number, parent: Context, span: Span) {
    this.taskId = taskId
    this.attempt = attempt
    this.context = attemptScope(parent, span, this)
    this.span = undefined
    this.before = undefined
  }
}

/** @param isForLines - whether nothing but lines is logged */
export function createAttemptContexts(isForLines: boolean): AttemptContexts {
  const minEnded = isForLines ? MIN_ENDED_OF_LINES : MIN_ENDED
  // Two generations, of which the elder is forgotten as a whole: to delete one by one from a map costs more than all else.
  let recent = new Map<string, Known>()
  let elder = new Map<string, Known>()
  let ends = 0

  function forgetElder(): void {
    ends = 0
    const forgotten = elder
    elder = recent
    recent = new Map()
    for (const [taskId, known] of forgotten) {
      if (known.context !== undefined && !elder.has(taskId)) recent.set(taskId, known)
    }
  }

  return {
    begun(taskId, attempt, parent, span) {
      const known = new Known(taskId, attempt, parent, span)
      if (attempt > 0) {
        const before = recent.get(taskId) ?? elder.get(taskId)
        if (before !== undefined) before.before = undefined
        known.before = before
      }
      recent.set(taskId, known)
      return known as KnownAttempt
    },
    ended(attempt, span) {
      const known = attempt as Known
      known.context = undefined
      known.span = span
      ends += 1
      if (ends >= minEnded) forgetElder()
    },
    of({ type, taskId, attempt }) {
      if (type === 'task.log') {
        // The innermost span that the line was written in, if that is inside this attempt: a callback may well run in the
        // context of another.
        const here = context.active()
        const around = attemptAround(here)
        if (around?.taskId === taskId && around.attempt === attempt) return here
      }
      const last = recent.get(taskId) ?? elder.get(taskId)
      const known = last?.attempt === attempt ? last : last?.before
      if (known?.attempt !== attempt) return undefined
      const { span } = known
      return span === undefined ? known.context : trace.setSpanContext(ROOT_CONTEXT, span)
    },
  }
}
