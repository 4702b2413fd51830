/** Ends tasks whose body does not run here: cancelled, expired or given up before a start, or cut off elsewhere. */

import type { TaskState } from '../task/record.ts'
import { isTerminal } from '../task/status.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import type { LogStore } from './log-store.ts'
import { forget, settle } from './settle.ts'
import { runHooks } from './user-hooks.ts'

export interface Endings {
  /** Ends a task that is not running here. `then` is told whether the record was ours. */
  end(live: LiveTask, next: TaskState, then?: (isOurs: boolean) => void): void
  /** Settles a record whose attempt died with another process: requeued, interrupted, or failed. */
  recover(live: LiveTask, next: TaskState, then: (isOurs: boolean) => void): void
}

export function createEndings(core: Core, logStore: LogStore): Endings {
  return {
    end(live, next, then) {
      const interrupt = next.status === 'interrupted' ? 'shutdown' : undefined
      settle(core, logStore, live, next, { interrupt }, (isOurs) => {
        if (isOurs) {
          runHooks(core, live, 'onFinal', undefined)
          core.finished()
        }
        forget(core, live)
        then?.(isOurs)
      })
    },

    recover(live, next, then) {
      settle(core, logStore, live, next, { interrupt: 'crash' }, (isOurs) => {
        if (isOurs && isTerminal(next.status)) {
          if (next.status === 'failed') runHooks(core, live, 'onError', undefined, next.error)
          runHooks(core, live, 'onFinal', undefined)
          core.finished()
        }
        if (!isOurs || isTerminal(next.status)) forget(core, live)
        then(isOurs)
      })
    },
  }
}
