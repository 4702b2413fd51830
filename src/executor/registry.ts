/** The tasks of one executor, each with its options merged and resolved once. */

import { isTask, TASK_NAME_PATTERN } from '../task/definition.ts'
import { describeValue } from '../task/describe.ts'
import { DuplicateTaskError, InvalidOptionsError, UnknownTaskError } from '../task/errors.ts'
import { mergeOptions, type ExecutionOptions, type RunOptions } from '../task/options.ts'
import { resolveOptions } from '../task/resolve-options.ts'
import type { Task } from '../task/run-context.ts'

/** A task as this executor runs it. */
export interface Registered {
  readonly name: string
  /** Absent in an executor that enqueues by name without the code. */
  readonly task: Task | undefined
  /** Defaults and definition, merged. */
  readonly layer: ExecutionOptions
  readonly options: RunOptions
  readonly concurrency: number
}

export interface Registry {
  register(task: Task): void
  /**
   * The registration of a definition or a name.
   *
   * @throws {UnknownTaskError} UNKNOWN_TASK when it is not registered here and `work` is not false
   */
  find(task: unknown): Registered
  get(name: string): Registered | undefined
  names(): readonly string[]
}

export function createRegistry(defaults: ExecutionOptions, work: boolean): Registry {
  const byName = new Map<string, Registered>()
  let names: readonly string[] = []

  function register(task: Task): void {
    if (!isTask(task)) {
      throw new InvalidOptionsError('tasks', 'tasks made by defineTask', task, 'createExecutor: ')
    }
    const known = byName.get(task.name)
    if (known?.task === task) return
    if (known !== undefined) {
      throw new DuplicateTaskError(
        task.name,
        `two tasks are named "${task.name}" in one executor; the first one stays: give the other another name`,
      )
    }
    const layer = mergeOptions<ExecutionOptions>(defaults, task.options)
    const options = resolveOptions(layer, `task "${task.name}": `)
    byName.set(task.name, {
      name: task.name,
      task,
      layer,
      options,
      concurrency: task.concurrency ?? Infinity,
    })
    names = [...byName.keys()]
  }

  // With `work: false` a task may be enqueued by its name alone, by these defaults.
  function unlisted(name: string): Registered {
    const options = resolveOptions(defaults, `task "${name}": `)
    return { name, task: undefined, layer: defaults, options, concurrency: Infinity }
  }

  return {
    register,
    find(task) {
      if (typeof task === 'string') {
        const known = byName.get(task)
        if (known !== undefined) return known
        if (!work && TASK_NAME_PATTERN.test(task)) return unlisted(task)
        throw new UnknownTaskError(
          task.slice(0, 200),
          `no task named ${describeValue(task)} is registered in this executor; ${listing(names)}`,
        )
      }
      if (!isTask(task)) {
        throw new UnknownTaskError(
          '',
          `enqueue takes a task made by defineTask, or a task's name; got ${describeValue(task)}`,
        )
      }
      const known = byName.get(task.name)
      if (known?.task === task) return known
      if (known === undefined && !work) {
        const layer = mergeOptions<ExecutionOptions>(defaults, task.options)
        return {
          name: task.name,
          task,
          layer,
          options: resolveOptions(layer, `task "${task.name}": `),
          concurrency: Infinity,
        }
      }
      throw new UnknownTaskError(
        task.name,
        known === undefined
          ? `task "${task.name}" is not registered in this executor: add it to tasks, or call executor.register(task)`
          : `task "${task.name}" is another definition than the one registered under this name`,
      )
    },
    get: (name) => byName.get(name),
    names: () => names,
  }
}

function listing(names: readonly string[]): string {
  if (names.length === 0) return 'none are'
  const shown = names.slice(0, 10).join(', ')
  return `registered: ${shown}${names.length > 10 ? `, … (${names.length} in all)` : ''}`
}
