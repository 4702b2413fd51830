/** Fields bound to a request or task: every event and every enqueued task from here on carries them. */

import { InvalidOptionsError } from '../task/errors.ts'
import { plainFields } from '../task/plain-data.ts'
import { reading } from '../task/reading.ts'
import type { ContextFields } from '../task/record.ts'
import { currentScope, runInScope } from './scope.ts'

const NO_FIELDS: ContextFields = Object.freeze({})
const MAX_BYTES = 8_192

/**
 * Adds `fields` for the rest of this task or `withContext` scope: to its events and log lines, and to the tasks it
 * enqueues. An `undefined` value removes a field.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS outside any scope, for anything but an object, and past 8 KiB
 */
export function bindContext(fields: Readonly<Record<string, unknown>>): void {
  const scope = currentScope()
  if (scope === undefined) {
    throw new InvalidOptionsError(
      'fields',
      'bound inside a task or withContext(fields, …)',
      fields,
      'bindContext: ',
    )
  }
  scope.fields = merged(scope.fields, fields, 'bindContext: ')
}

/**
 * Runs `body` with `fields` added to those bound here; they end with it, and never leak to its surroundings.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS for anything but an object, and past 8 KiB
 */
export function withContext<T>(fields: Readonly<Record<string, unknown>>, body: () => T): T {
  if (typeof body !== 'function')
    throw new InvalidOptionsError('body', 'a function', body, 'withContext: ')
  const scope = currentScope()
  const next = {
    fields: merged(scope?.fields ?? NO_FIELDS, fields, 'withContext: '),
    attempt: scope?.attempt,
  }
  return runInScope(next, body)
}

/** The fields bound here; `undefined` when there are none. */
export function boundFields(): ContextFields | undefined {
  const fields = currentScope()?.fields
  return fields === undefined || fields === NO_FIELDS ? undefined : fields
}

function merged(old: ContextFields, added: unknown, where: string): ContextFields {
  return reading('fields', where, () => merge(old, added, where))
}

function merge(old: ContextFields, added: unknown, where: string): ContextFields {
  if (typeof added !== 'object' || added === null || Array.isArray(added)) {
    throw new InvalidOptionsError('fields', 'an object', added, where)
  }
  const fields: Record<string, unknown> = { ...old, ...plainFields(added) }
  for (const [key, value] of Object.entries(added)) if (value === undefined) delete fields[key]
  const bytes = JSON.stringify(fields).length
  if (bytes > MAX_BYTES)
    throw new InvalidOptionsError(
      'fields',
      `at most ${MAX_BYTES} bytes of JSON in all`,
      bytes,
      where,
    )
  return Object.freeze(fields) as ContextFields
}

/** The fields to begin an attempt's scope with. */
export function initialFields(stored: ContextFields | undefined): ContextFields {
  return stored ?? NO_FIELDS
}
