/** Texts that break careless writers, and events full of them. */

import type { PlainsightEvent } from '../events/event.ts'
import type { SerializedError } from '../task/serialized-error.ts'
import { deepFreeze, sampleEvents } from './sample-events.ts'

/** As {@link sampleEvents}, with `text` in the place of every string that users write. */
export function sampleEventsWith(text: string): readonly PlainsightEvent[] {
  return sampleEvents().map((event) => deepFreeze(withText(event, text)))
}

/** Texts that end lines, colour terminals, reverse what follows, hide, or are long. */
export const HOSTILE_TEXTS: readonly string[] = [
  'line one\nline two\r\nline three\u2028four\u2029five\u0085six\u000bseven\u000ceight',
  '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J \u001bP+q\u001b\\',
  '\u202eesrever\u202c \u2066isolate\u2069 \u200bzero\u200c\u200d\u2060\ufeff \u061c\u200e\u200f',
  'NUL \u0000 BS \b DEL \u007f TAB \t ESC \u001b',
  'lone \ud800 surrogates \udfff, a pair 😀, a tag \u{e0041}',
  '{"level":50,"msg":"forged"}\n{"level":50}',
  '%s %d %o %j',
  '__proto__',
  '',
  'x'.repeat(65_536),
]

/** Fields whose values are words of ours; a string anywhere else may be a user's. */
const OURS: ReadonlySet<string> = new Set([
  'type',
  'level',
  'status',
  'source',
  'reason',
  'taskId',
  'executorId',
])
/** Nothing of these is ours. */
const THEIRS: ReadonlySet<string> = new Set(['extra', 'context', 'tags'])

function withText(event: PlainsightEvent, text: string): PlainsightEvent {
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(event)) {
    if (OURS.has(key)) copy[key] = value
    else if (THEIRS.has(key))
      copy[key] = {
        [`key ${text}`]: text,
        nested: key === 'tags' ? text : { text, [text]: [text] },
      }
    else if (key === 'error' || key === 'resultError') copy[key] = hostileError(text)
    else copy[key] = typeof value === 'string' ? text : value
  }
  return copy as unknown as PlainsightEvent
}

function hostileError(text: string): SerializedError {
  return {
    name: text,
    message: text,
    code: text,
    stack: text,
    fields: { [text]: text },
    fingerprint: '0',
  }
}
