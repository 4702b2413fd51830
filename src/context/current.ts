/** The context of the task that is running, from anywhere below it. */

import type { TaskContext } from '../task/run-context.ts'
import { currentScope } from './scope.ts'

/** The running task's context, in its body and in everything that the body calls or starts; `undefined` outside. */
export function getTaskContext(): TaskContext | undefined {
  return currentScope()?.attempt?.context
}

/**
 * As {@link getTaskContext}, for code that makes no sense outside a task.
 *
 * @throws {Error} outside a task
 */
export function requireTaskContext(): TaskContext {
  const context = getTaskContext()
  if (context !== undefined) return context
  throw new Error(
    'requireTaskContext() was called outside a task: call it below a task that an executor runs, or use getTaskContext() and handle undefined',
  )
}
