/** A context with one of our spans in it: one object, where the API copies all values of a context for each that it adds. */

import type { Context, Span } from '@opentelemetry/api'
import { createContextKey, ROOT_CONTEXT, trace } from './api.ts'

const ATTEMPT = createContextKey('plainsight attempt')
const ENQUEUING = createContextKey('plainsight enqueue')

/** An attempt, as the contexts below its span tell it. */
export interface AttemptMark {
  readonly taskId: string
  readonly attempt: number
}

/** `parent` with `span`, for what is only to be injected. */
export function spanScope(parent: Context, span: Span): Context {
  return new SpanScope(parent, span, undefined, undefined)
}

/** `parent` with the span of an attempt: this context and all that are made from it are known to be inside of it. */
export function attemptScope(parent: Context, span: Span, attempt: AttemptMark): Context {
  return new SpanScope(parent, span, ATTEMPT, attempt)
}

/** `parent` with the span of an enqueue: this context and all that are made from it are known to be inside of one. */
export function enqueueScope(parent: Context, span: Span): Context {
  return new SpanScope(parent, span, ENQUEUING, true)
}

/** The innermost attempt that `here` is inside of. */
export function attemptAround(here: Context): AttemptMark | undefined {
  return here.getValue(ATTEMPT) as AttemptMark | undefined
}

/** Whether the store is being called for somebody's enqueue: its spans belong in there, and are not ours to hide. */
export function isEnqueuing(here: Context): boolean {
  return here.getValue(ENQUEUING) === true
}

class SpanScope implements Context {
  readonly #parent: Context
  readonly #span: Span
  readonly #key: symbol | undefined
  readonly #mark: unknown

  constructor(parent: Context, span: Span, key: symbol | undefined, mark: unknown) {
    this.#parent = parent
    this.#span = span
    this.#key = key
    this.#mark = mark
  }

  getValue(key: symbol): unknown {
    if (key === SPAN) return this.#span
    return key === this.#key ? this.#mark : this.#parent.getValue(key)
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#copied().setValue(key, value)
  }

  deleteValue(key: symbol): Context {
    return this.#copied().deleteValue(key)
  }

  #copied(): Context {
    const within = trace.setSpan(this.#parent, this.#span)
    return this.#key === undefined ? within : within.setValue(this.#key, this.#mark)
  }
}

/** The key that the API keeps spans under: it does not export it, but asks for it. */
const SPAN: symbol = keyOfSpans()

function keyOfSpans(): symbol {
  let asked: symbol | undefined
  const listening = {
    getValue(key: symbol): undefined {
      asked = key
    },
    setValue: () => ROOT_CONTEXT,
    deleteValue: () => ROOT_CONTEXT,
  }
  trace.getSpan(listening)
  return asked as unknown as symbol
}
