/** Lets an executor's attempts and observers be told who blocks the event loop. */

import type { ExecutorLoopBlocked, RunningTask } from '../events/event.ts'
import { executorEvent } from '../events/executor-event.ts'
import { attemptOf } from '../task/record.ts'
import type { Core } from './core.ts'
import { createLoopWatch, type LoopWatch } from './loop-watch.ts'
import { RunningAttempt } from './running-attempt.ts'

const MAX_RUNNING = 10

/** The watch of the executor that `core` answers once it is made. */
export function watchLoop(core: () => Core): LoopWatch {
  return createLoopWatch({
    inBase: (body) => core().base.run(body),
    isWanted: () => core().bus.wanted['executor.loop_blocked'],
    isBusy: () => core().engine.stats().active > 0,
    attempt: (running) =>
      running instanceof RunningAttempt && running.core === core() ? taskOf(running) : undefined,
    publish(blockedMs, by) {
      const { bus, origin, clock, live } = core()
      const running: RunningTask[] = []
      for (const { attempt } of live.values()) {
        if (!(attempt instanceof RunningAttempt) || attempt.isOver) continue
        if (running.push(taskOf(attempt)) === MAX_RUNNING) break
      }
      for (const each of [...by, ...running]) Object.freeze(each)
      const fields: Pick<ExecutorLoopBlocked, 'blockedMs' | 'by' | 'running'> = {
        blockedMs,
        by,
        running,
      }
      bus.publish(executorEvent(origin, 'executor.loop_blocked', clock.now(), fields))
    },
  })
}

function taskOf({ live, state }: RunningAttempt): RunningTask {
  return { taskId: live.id, taskName: live.name, attempt: attemptOf(state) }
}
