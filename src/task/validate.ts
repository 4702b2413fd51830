/** Runs a task's schema over an input. */

import { InputInvalidError, type InputIssue } from './errors.ts'
import { serializeError } from './serialized-error.ts'
import type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.ts'

/** What came of a schema: the parsed value, or the error to throw or record. */
export type Validated =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: InputInvalidError }

/**
 * Parses `input`; a promise only when the schema is asynchronous. A schema that throws, or answers nonsense, finds the
 * input invalid.
 */
export function validateInput(
  schema: StandardSchema,
  taskName: string,
  input: unknown,
): Validated | Promise<Validated> {
  let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>
  try {
    result = schema['~standard'].validate(input)
    if (result instanceof Promise) {
      return result
        .then((settled) => judge(settled, taskName, input))
        .catch((error: unknown) => refusal(error, taskName))
    }
    return judge(result, taskName, input)
  } catch (error) {
    return refusal(error, taskName)
  }
}

function judge(result: SchemaResult<unknown>, taskName: string, input: unknown): Validated {
  if (result.issues === undefined) return { ok: true, value: result.value }
  return {
    ok: false,
    error: new InputInvalidError(
      taskName,
      result.issues.map((issue) => toIssue(issue, input)),
    ),
  }
}

function refusal(error: unknown, taskName: string): Validated {
  const { message } = serializeError(error)
  const issue: InputIssue = { path: '', message: `the schema threw: ${message.slice(0, 500)}` }
  return { ok: false, error: new InputInvalidError(taskName, [issue]) }
}

function toIssue(issue: SchemaIssue, input: unknown): InputIssue {
  const steps = (issue.path ?? []).map((step) => (typeof step === 'object' ? step.key : step))
  // zod names what it expected; valibot and arktype say so in the message.
  const expected = (issue as { expected?: unknown }).expected
  const base = { path: pathText(steps), message: String(issue.message).slice(0, 500) }
  if (typeof expected !== 'string') return base
  return { ...base, expected, got: kindOf(valueAt(input, steps)) }
}

function pathText(steps: readonly PropertyKey[]): string {
  let text = ''
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? String(step) : `.${String(step)}`
  }
  return text
}

function valueAt(input: unknown, steps: readonly PropertyKey[]): unknown {
  let value = input
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[step]
  }
  return value
}

// The kind only, never the value: an input may hold secrets.
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number' && Number.isNaN(value)) return 'NaN'
  return typeof value
}
