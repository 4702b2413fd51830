/** Runs the hooks that users attach to a task. Nothing they do changes the task. */

import { isThenable } from '../events/bus.ts'
import { hookError } from '../events/lifecycle.ts'
import type { HookTask, TaskErrorHook, TaskHook, TaskHooks } from '../task/hooks.ts'
import type { RunOptions } from '../task/options.ts'
import { attemptOf } from '../task/record.ts'
import { serializeError } from '../task/serialized-error.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'

/** A hook that is still pending after this long is reported and no longer waited for at close. */
export const HOOK_TIMEOUT_MS = 30_000

/** Calls the hooks of `kind` in order; promises they return are watched, not waited for. */
export function runHooks(
  core: Core,
  live: LiveTask,
  kind: keyof TaskHooks,
  input: unknown,
  error?: unknown,
): void {
  const list = hooksOf(live.options, kind) as readonly (TaskHook & TaskErrorHook)[] | undefined
  if (list === undefined || list.length === 0) return
  const task = hookTask(live, input)
  for (const hook of list) {
    try {
      const answer = hook(task, error)
      if (isThenable(answer)) watch(core, live, kind, Promise.resolve(answer))
    } catch (thrown) {
      report(core, live, kind, thrown)
    }
  }
}

// Most tasks have none and pass here several times: names that V8 knows, not one that it has to look up.
function hooksOf(options: RunOptions, kind: keyof TaskHooks): TaskHooks[keyof TaskHooks] {
  switch (kind) {
    case 'onStart':
      return options.onStart
    case 'onRetry':
      return options.onRetry
    case 'onSuccess':
      return options.onSuccess
    case 'onError':
      return options.onError
    case 'onFinal':
      return options.onFinal
  }
}

function hookTask(live: LiveTask, parsed: unknown): HookTask {
  const { spec, state, registered } = live
  const { id, name, label, tags } = spec
  // One that ended before its body was reached has only the raw input.
  const input = parsed === undefined ? rawInput(spec.inputJson) : parsed
  const run = (next: unknown): unknown => registered.task?.run(next)
  return { id, name, label, tags, attempt: attemptOf(state), input, run }
}

function rawInput(inputJson: string | undefined): unknown {
  try {
    return inputJson === undefined ? undefined : (JSON.parse(inputJson) as unknown)
  } catch {
    return undefined
  }
}

function watch(core: Core, live: LiveTask, kind: string, answer: Promise<unknown>): void {
  const ended = new Promise<void>((resolve) => {
    const deadline = core.timers.after(
      HOOK_TIMEOUT_MS,
      () => {
        report(
          core,
          live,
          kind,
          new Error(`hook ${kind} was still pending after ${HOOK_TIMEOUT_MS} ms`),
        )
        resolve()
      },
      false,
    )
    const settle = (): void => {
      deadline.cancel()
      resolve()
    }
    answer.then(settle, (error: unknown) => {
      report(core, live, kind, error)
      settle()
    })
  })
  const run = { isShielded: live.spec.shield }
  core.hooksRunning.add(run)
  void ended.then(() => core.hooksRunning.delete(run))
}

function report(core: Core, live: LiveTask, hook: string, error: unknown): void {
  if (!core.bus.wanted['hook.error']) return
  core.bus.publish(hookError(core.origin, live, core.clock.now(), hook, serializeError(error)))
}
