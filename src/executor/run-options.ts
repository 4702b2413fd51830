/** The options that a stored record runs by, in whatever process it is. */

import { mergeOptions, type ExecutionOptions, type RunOptions } from '../task/options.ts'
import type { TaskSpec, TaskState } from '../task/record.ts'
import { resolveOptions, revivedOptions } from '../task/resolve-options.ts'
import type { Core } from './core.ts'
import type { Registered } from './registry.ts'

/** Defaults, definition, and what the call gave as plain values; `undefined` when the task is not registered here. */
export function runOptionsOf(core: Core, spec: TaskSpec): RunOptions | undefined {
  const registered = core.registry.get(spec.name)
  return registered === undefined ? undefined : optionsFor(registered, spec)
}

/** Whether the stored result is past its `resultTtl`. */
export function isResultOver(
  core: Core,
  state: TaskState,
  options: RunOptions | undefined,
): boolean {
  const ttlMs = options?.resultTtlMs
  return ttlMs !== undefined && core.clock.now() > (state.endedAt ?? 0) + ttlMs
}

export function optionsFor(registered: Registered, spec: TaskSpec): RunOptions {
  const call = revivedOptions(spec.options)
  if (call === undefined) return registered.options
  try {
    return resolveOptions(mergeOptions<ExecutionOptions>(registered.layer, call), '')
  } catch {
    // Stored by another version, or edited in the store: the definition is what is left to go by.
    return registered.options
  }
}
