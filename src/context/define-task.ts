/** `defineTask`: checks a definition and makes it callable. */

import {
  checkDefinition,
  type SchemaTaskDefinition,
  type TaskDefinition,
} from '../task/definition.ts'
import { reading } from '../task/reading.ts'
import type { Task, TaskContext } from '../task/run-context.ts'
import type { InputOf, ParsedOf, StandardSchema } from '../task/standard-schema.ts'
import { getTaskContext } from './current.ts'
import { taskLog } from './task-log.ts'

/**
 * Defines a task: give it to an executor, and enqueue it.
 *
 * With a schema in `input`, callers pass the schema's input and `run` gets its output; without, both have the type of
 * `run`'s parameter. Every option is checked here.
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming the task, the option, what is expected and what came
 * @example
 * const greet = defineTask({ name: 'greet', run: ({ who }: { who: string }) => `hello ${who}` })
 */
export function defineTask<Schema extends StandardSchema, Output>(
  definition: SchemaTaskDefinition<Schema, ParsedOf<Schema>, Output>,
): Task<InputOf<Schema>, Output>
export function defineTask<Input = undefined, Output = unknown>(
  definition: TaskDefinition<Input, Output>,
): Task<Input, Output>
export function defineTask(definition: unknown): Task {
  const checked = reading('definition', 'defineTask: ', () => checkDefinition(definition))
  return Object.freeze({
    ...checked,
    run: (input: unknown, context?: TaskContext) =>
      checked.body(input, context ?? getTaskContext() ?? detachedContext(checked.name)),
  })
}

/** What the body of a plain call outside any task gets as its context: nothing aborts, nothing is recorded. */
function detachedContext(name: string): TaskContext {
  return {
    taskId: '',
    taskName: name,
    label: undefined,
    queue: '',
    priority: 0,
    source: 'api',
    slot: undefined,
    parentId: undefined,
    rootId: '',
    attempt: 0,
    maxAttempts: 1,
    recoveries: 0,
    retryOf: undefined,
    tags: {},
    headers: {},
    signal: new AbortController().signal,
    log: taskLog,
    progress() {},
    traceContext: undefined,
    requestContext: {},
    enqueue: () =>
      Promise.reject(
        new Error(
          `task "${name}" was called directly, outside an executor: enqueue children with executor.enqueue`,
        ),
      ),
  }
}
