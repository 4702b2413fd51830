/** A task: what it is called, how it runs, and by which options. */

import { InvalidOptionsError } from './errors.ts'
import type { ExecutionOptions } from './options.ts'
import { EXECUTION_OPTION_NAMES, resolveOptions } from './resolve-options.ts'
import { describeValue } from './describe.ts'
import type { RunFunction, Task } from './run-context.ts'
import { isStandardSchema, type StandardSchema } from './standard-schema.ts'

/** What `defineTask` takes without a schema; the input's type is that of `run`'s parameter. */
export interface TaskDefinition<Input, Output> extends DefinitionOptions {
  readonly input?: undefined
  readonly run: RunFunction<Input, Output>
}

/** What `defineTask` takes with a schema: callers pass its input, `run` gets its output. */
export interface SchemaTaskDefinition<
  Schema extends StandardSchema,
  Parsed,
  Output,
> extends DefinitionOptions {
  /** Any Standard Schema v1. Checked at enqueue, and again before each run. */
  readonly input: Schema
  readonly run: RunFunction<Parsed, Output>
}

export interface DefinitionOptions extends ExecutionOptions {
  /** Unique in an executor, `/^[\w.:-]{1,200}$/`; used in records, events, schedules and spans. */
  readonly name: string
  /** At most this many attempts at once in one executor. Default: no limit of its own. */
  readonly concurrency?: number | null | undefined
}

export const TASK_NAME_PATTERN: RegExp = /^[\w.:-]{1,200}$/
const OWN_OPTIONS: ReadonlySet<string> = new Set(['name', 'input', 'run', 'concurrency'])

/** A definition that was checked: the fields of a {@link Task} without its direct call. */
export type CheckedDefinition = Omit<Task, 'run' | '~input'>

/**
 * Checks a definition, every option of it.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the task, the option, what is expected and what came
 */
export function checkDefinition(definition: unknown): CheckedDefinition {
  if (typeof definition !== 'object' || definition === null) {
    throw new InvalidOptionsError(
      'definition',
      'an object { name, run, … }',
      definition,
      'defineTask: ',
    )
  }
  const given = readAll(definition)
  const name = given['name']
  if (typeof name !== 'string' || !TASK_NAME_PATTERN.test(name)) {
    throw new InvalidOptionsError(
      'name',
      '1 to 200 letters, digits, "_", ".", ":" or "-"',
      name,
      'defineTask: ',
    )
  }
  const where = `task "${name}": `
  const { run, input, concurrency } = given
  if (typeof run !== 'function') throw new InvalidOptionsError('run', 'a function', run, where)
  if (input !== undefined && input !== null && !isStandardSchema(input)) {
    throw new InvalidOptionsError(
      'input',
      'a Standard Schema (zod, valibot, arktype, …)',
      input,
      where,
    )
  }
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    if (OWN_OPTIONS.has(key)) continue
    if (!EXECUTION_OPTION_NAMES.has(key)) {
      throw new InvalidOptionsError(key, 'left out: there is no such option', value, where)
    }
    options[key] = value
  }
  if (options['expires'] instanceof Date) {
    throw new InvalidOptionsError(
      'expires',
      'a duration in a definition; an instant is given per call',
      options['expires'],
      where,
    )
  }
  resolveOptions(options, where)
  return {
    name,
    schema: isStandardSchema(input) ? input : undefined,
    options: Object.freeze(options),
    concurrency: checkConcurrency(concurrency, where),
    body: run as RunFunction<unknown, unknown>,
  }
}

/** A number of slots: an integer from 1, or `undefined` for no limit. */
export function checkConcurrency(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null || value === Infinity) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw new InvalidOptionsError('concurrency', 'an integer from 1, or Infinity', value, where)
}

// Getters of a hostile definition may throw: read every option once, and say which one it was.
function readAll(definition: object): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  try {
    for (const key of Object.keys(definition)) {
      if (key !== '__proto__') given[key] = (definition as Record<string, unknown>)[key]
    }
  } catch (error) {
    throw new InvalidOptionsError('definition', 'readable', describeValue(error), 'defineTask: ')
  }
  return given
}

/** Whether `value` came from `defineTask` (this copy of the package or another). */
export function isTask(value: unknown): value is Task {
  if (typeof value !== 'object' || value === null) return false
  try {
    const task = value as Partial<Task>
    return (
      typeof task.name === 'string' &&
      typeof task.body === 'function' &&
      typeof task.run === 'function' &&
      typeof task.options === 'object'
    )
  } catch {
    return false
  }
}
