/** Where the span of an attempt is found again by events that are published outside of it. */

import type { Context, SpanContext } from '@opentelemetry/api'
import type { TaskEvent } from '../../events/event.ts'
import { context, createContextKey, ROOT_CONTEXT, trace } from './api.ts'

/** The span of one attempt. */
export interface AttemptContext {
  readonly taskId: string
  readonly attempt: number
  /** With the span in it. */
  readonly context: Context
}

export interface AttemptContexts {
  begun(entry: AttemptContext): void
  /** From now on all that is known of it is its span: what the context holds on to is let go. */
  ended(entry: AttemptContext, span: SpanContext): void
  /** The context to log `event` in; `undefined` when its attempt is not known here. */
  of(event: TaskEvent): Context | undefined
}

interface EndedAttempt {
  readonly taskId: string
  readonly attempt: number
  readonly span: SpanContext
}

const ATTEMPT = createContextKey('plainsight attempt')

/** Ended attempts that are remembered: what is published of them comes when their outcome is stored, or later. */
const MAX_ENDED = 4_096

/** `within`, marked as the context of this attempt, and so is every context that is made from it. */
export function markedContext(
  within: Context,
  attempt: Pick<AttemptContext, 'taskId' | 'attempt'>,
): Context {
  return within.setValue(ATTEMPT, attempt)
}

export function createAttemptContexts(): AttemptContexts {
  const running = new Map<string, AttemptContext>()
  const over = new Map<string, EndedAttempt>()
  // In the order of their ends. Not the map's own order: finding its first key takes longer with every one that was deleted.
  const ends: EndedAttempt[] = []
  let next = 0
  return {
    begun(entry) {
      running.set(entry.taskId, entry)
    },
    ended(entry, span) {
      const { taskId, attempt } = entry
      if (running.get(taskId) === entry) running.delete(taskId)
      const oldest = ends[next]
      // Unless it has ended again since.
      if (oldest !== undefined && over.get(oldest.taskId) === oldest) over.delete(oldest.taskId)
      const ended = { taskId, attempt, span }
      over.set(taskId, ended)
      ends[next] = ended
      next = (next + 1) % MAX_ENDED
    },
    of({ type, taskId, attempt }) {
      const entry = running.get(taskId)
      if (entry?.attempt !== attempt) {
        const ended = over.get(taskId)
        return ended?.attempt === attempt
          ? trace.setSpanContext(ROOT_CONTEXT, ended.span)
          : undefined
      }
      if (type !== 'task.log') return entry.context
      // The innermost span that the line was written in, if that is inside this attempt: a callback may well run in the
      // context of another.
      const here = context.active()
      const at = here.getValue(ATTEMPT) as AttemptContext | undefined
      return at?.taskId === taskId && at.attempt === attempt ? here : entry.context
    },
  }
}
