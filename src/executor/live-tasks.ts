/** The tasks that one executor holds in memory. */

import type { Writable } from '../task/writable.ts'
import type { LiveTask } from './live-task.ts'

/**
 * A list through the tasks themselves, so that taking one in and out allocates nothing. Looking one up by id is rare (a
 * cancel, a deduplicated enqueue): the first look-up makes an index, which is kept until the list is empty again.
 */
export interface LiveTasks {
  readonly size: number
  add(live: LiveTask): void
  /** Takes it out, if it is in. */
  remove(live: LiveTask): void
  get(id: string): LiveTask | undefined
  /** Calls `tell` when a task of this id comes in. Answers a function that ends it. */
  onArrival(id: string, tell: () => void): () => void
  /** Those that are in, in order of arrival. Tasks that come and go meanwhile may or may not be among them. */
  values(): IterableIterator<LiveTask>
}

export function createLiveTasks(): LiveTasks {
  let first: LiveTask | undefined
  let last: LiveTask | undefined
  let byId: Map<string, LiveTask> | undefined
  const awaited = new Map<string, Set<() => void>>()

  function* values(): IterableIterator<LiveTask> {
    let live = first
    while (live !== undefined) {
      // Read before it is given out: the receiver may take it out of the list.
      const { nextLive } = live
      yield live
      live = nextLive
    }
  }

  const tasks: Writable<LiveTasks> = {
    size: 0,
    add(live) {
      live.isListed = true
      live.previousLive = last
      if (last === undefined) first = live
      else last.nextLive = live
      last = live
      tasks.size += 1
      byId?.set(live.id, live)
      if (awaited.size === 0) return
      const waiting = awaited.get(live.id)
      if (waiting !== undefined) for (const tell of waiting) tell()
    },
    remove(live) {
      if (!live.isListed) return
      live.isListed = false
      const { previousLive, nextLive } = live
      if (previousLive === undefined) first = nextLive
      else previousLive.nextLive = nextLive
      if (nextLive === undefined) last = previousLive
      else nextLive.previousLive = previousLive
      // A task that a handle still holds must not hold its former neighbours.
      live.previousLive = undefined
      live.nextLive = undefined
      tasks.size -= 1
      if (tasks.size === 0) byId = undefined
      // A record that was lost and claimed anew may be here twice: the later one is the one to find.
      else if (byId?.get(live.id) === live) byId.delete(live.id)
    },
    get(id) {
      if (tasks.size === 0) return undefined
      if (byId === undefined) {
        byId = new Map()
        for (const live of values()) byId.set(live.id, live)
      }
      return byId.get(id)
    },
    onArrival(id, tell) {
      const waiting = awaited.get(id) ?? new Set()
      awaited.set(id, waiting.add(tell))
      return () => {
        if (waiting.delete(tell) && waiting.size === 0) awaited.delete(id)
      }
    },
    values,
  }
  return tasks
}
