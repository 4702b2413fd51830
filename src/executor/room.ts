/** Back-pressure: how much may wait here, and waiting for room. */

import { currentScope } from '../context/scope.ts'
import type { EnqueueOptions } from '../task/enqueue-options.ts'
import { ExecutorClosedError, QueueFullError } from '../task/errors.ts'
import type { Core } from './core.ts'

export interface Room {
  isFull(more: number): boolean
  /**
   * Settles when there is room for `more`, and keeps it for the caller until `taken`.
   *
   * @throws {QueueFullError} QUEUE_FULL when there is none, unless `onFull` is `wait`
   */
  enter(more: number, queue: string, options: EnqueueOptions | undefined): Promise<void>
  /** As `enter`, when there is room now: in the caller's turn, so that the order of calls is kept. */
  tryEnter(more: number): boolean
  /** The room that `enter` gave is used now, or given back. */
  taken(more: number): void
}

export function createRoom(core: Core): Room {
  // Between being let in and being counted as waiting, an enqueue awaits: without this, all that ask meanwhile get in.
  let kept = 0

  /** In memory, on the way to the store, and put there without an owner. */
  function waiting(): number {
    const { due, later } = core.window.spilled
    return core.engine.held() + core.unplacedInserts + core.turnWrites.unmade + due + later
  }

  function isFull(more: number): boolean {
    const { maxQueued } = core
    if (maxQueued === Infinity || !core.options.work) return false
    return waiting() + kept + more > maxQueued
  }

  function keepWhenFree(more: number): boolean {
    if (isFull(more)) return false
    kept += more
    return true
  }

  function wait(more: number, signal: AbortSignal | undefined): Promise<void> {
    // Closing, nothing new is let in but children, as in enqueue.
    const isChild = currentScope()?.attempt !== undefined
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        core.onRoom.delete(look)
        signal?.removeEventListener('abort', abort)
      }
      const abort = (): void => {
        stop()
        reject(signal?.reason as Error)
      }
      const look = (): void => {
        if (core.phase === 'closed' || (core.phase === 'closing' && !isChild)) {
          stop()
          reject(new ExecutorClosedError('enqueue'))
        } else if (keepWhenFree(more)) {
          stop()
          resolve()
        }
      }
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort)
      core.onRoom.add(look)
    })
  }

  return {
    isFull,
    tryEnter: keepWhenFree,
    async enter(more, queue, options) {
      if (options?.onFull !== 'wait' || more > core.maxQueued)
        throw new QueueFullError(queue, core.maxQueued)
      await wait(more, options.signal)
    },
    taken(more) {
      kept -= more
    },
  }
}
