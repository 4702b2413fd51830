/** An event as a log entry of pino's kind: flat fields, the same from every observer that writes such entries. */

import type { LogEvent, PlainsightEvent } from '../events/event.ts'
import type { SerializedError } from '../task/serialized-error.ts'

/** Named fields; a field whose value is `undefined` is not there. Fresh for each event; nested values are the event's own. */
export type LogFields = Record<string, unknown>

/** An error in the shape that pino's serializer gives one; fresh, so that serializers may mark it. */
export interface LoggedError {
  readonly type: string
  /** With those of the causes, as `message: cause: cause`. */
  readonly message: string
  /** With those of the causes. */
  readonly stack: string
  readonly [field: string]: unknown
}

/**
 * The fields of `event`, under the event's own names, except:
 * - `level` and `time` are left to the writer, `message` goes into the entry's message, empty `tags` are left out;
 * - `error` becomes `err`, and like `resultError` has pino's shape: type, message, stack, the error's own fields;
 * - `name` (of `executor.unknown_task`) becomes `taskName`, since `name` is the logger's own in pino;
 * - `rootId` is left out when it is the task itself.
 */
export function logFields(event: PlainsightEvent): LogFields {
  if (event.type === 'task.log') return lineFields(event, event.extra)
  // A spread copies in one step what a loop or a rest pattern copies in five; writers skip what is undefined.
  const fields: LogFields = { ...event, level: undefined, time: undefined }
  if ('taskId' in event) {
    if (event.rootId === event.taskId) fields['rootId'] = undefined
    if (isEmpty(event.tags)) fields['tags'] = undefined
  }
  if ('message' in event) fields['message'] = undefined
  if ('error' in event) {
    fields['error'] = undefined
    if (event.error !== undefined) fields['err'] = loggedError(event.error)
  }
  if (event.type === 'task.succeeded' && event.resultError !== undefined) {
    fields['resultError'] = loggedError(event.resultError)
  }
  if (event.type === 'executor.unknown_task') {
    fields['name'] = undefined
    fields['taskName'] = event.name
  }
  return fields
}

/** {@link logFields} of a line, with this `extra` in place of its own. */
// The most frequent by far: only what is there, since writers look at each field that is not.
export function lineFields(event: LogEvent, extra: unknown): LogFields {
  const { type, seq, executorId, taskId, taskName, label, attempt, retriesUsed, status } = event
  const { tags, queue, parentId, rootId, traceContext, context, error } = event
  // Written out twice: a field that is added afterwards is kept apart from the others, in an object of its own.
  const fields: LogFields =
    extra === undefined
      ? { type, seq, executorId, taskId, taskName, attempt, retriesUsed, status, queue }
      : { type, seq, executorId, taskId, taskName, attempt, retriesUsed, status, queue, extra }
  if (label !== undefined) fields['label'] = label
  if (!isEmpty(tags)) fields['tags'] = tags
  if (parentId !== undefined) fields['parentId'] = parentId
  if (rootId !== taskId) fields['rootId'] = rootId
  if (traceContext !== undefined) fields['traceContext'] = traceContext
  if (context !== undefined) fields['context'] = context
  if (error !== undefined) fields['err'] = loggedError(error)
  return fields
}

// pino's serializer takes `type` from the constructor's name, and would say `Object`; without one it asks `name`.
const nameOnly: object = Object.create(null, {
  name: {
    get(this: LoggedError): string {
      return this.type
    },
  },
}) as object

function loggedError(error: SerializedError): LoggedError {
  const logged = Object.create(nameOnly) as Record<string, unknown>
  logged['type'] = error.name
  logged['message'] = withCauses(error, (each) => each.message, ': ')
  logged['stack'] = withCauses(
    error,
    (each) => each.stack ?? `${each.name}: ${each.message}`,
    '\ncaused by: ',
  )
  if (error.code !== undefined) logged['code'] = error.code
  logged['fingerprint'] = error.fingerprint
  for (const [key, value] of Object.entries(error.fields ?? {})) {
    if (!RESERVED.has(key)) logged[key] = value
  }
  return logged as unknown as LoggedError
}

const RESERVED: ReadonlySet<string> = new Set([
  'type',
  'name',
  'message',
  'stack',
  'code',
  'fingerprint',
  'cause',
  'constructor',
  '__proto__',
])

function withCauses(
  error: SerializedError,
  part: (error: SerializedError) => string,
  between: string,
): string {
  let text = part(error)
  for (let cause = error.cause; cause !== undefined; cause = cause.cause)
    text += between + part(cause)
  return text
}

function isEmpty(map: object): boolean {
  for (const _ in map) return false
  return true
}
