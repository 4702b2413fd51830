/** What entries do with an executor: enqueue, and run bodies. */

import {
  defineTask,
  type ExecutionOptions,
  type Executor,
  type TaskContext,
} from '../../../src/index.ts'
import type { World } from '../hostile.ts'
import { noop, type Any } from './arguments.ts'

export async function accepting(world: World, answer: Promise<Any>): Promise<void> {
  const handles: Any[] = [await answer].flat()
  for (const handle of handles) {
    world.accepted.add(handle.id)
    // Failing is the task's own affair.
    handle.result({ timeout: '5s' }).catch(noop)
  }
}

/** Runs `body` as a task and waits for its end, whatever that is. */
export async function asTask(
  world: World,
  body: (context: TaskContext) => unknown,
  options: ExecutionOptions = {},
): Promise<void> {
  const task = defineTask({
    name: 'hostile-body',
    run: (_input: unknown, context) => body(context),
  })
  const { executor } = world
  const known = runners.get(executor) ?? registerRunner(executor)
  known.next = (context) => task.body(undefined, context)
  const handle = await executor.enqueue(known.task, undefined, options)
  world.accepted.add(handle.id)
  await handle.result({ timeout: '8s' })
}

interface Runner {
  readonly task: Any
  next: (context: TaskContext) => unknown
}
const runners = new WeakMap<Executor, Runner>()

function registerRunner(executor: Executor): Runner {
  const runner: Runner = {
    next: noop,
    task: defineTask({ name: 'runner', run: (_input: unknown, context) => runner.next(context) }),
  }
  executor.register(runner.task)
  runners.set(executor, runner)
  return runner
}

/** The end of the task tells; that it failed is no breach of a body that throws. */
export async function mayFail(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'TASK_FAILED') throw error
  }
}
