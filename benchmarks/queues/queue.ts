/** A queue as the subjects see it: ours and the rivals', each used as its README says. */

import type { Mail } from '../mail.ts'

export interface TaskQueue {
  /** Settles when the task is accepted, as safely as this queue can. */
  enqueue(mail: Mail): unknown
  /** Accepts all of them in the fastest way there is. */
  enqueueMany?(mails: readonly Mail[]): Promise<unknown>
  /** Starts to run tasks. */
  start(): unknown
  /** Settles when `count` tasks have run, and are recorded as done where the queue says when they are. */
  finished(count: number): Promise<unknown>
  /** How many it has on record as done; undefined when it keeps none. */
  countDone?(): number | Promise<number>
  close(): Promise<unknown>
}

/** Opens an empty queue whose tasks call `body`. */
export type OpenQueue = (body: (mail: Mail) => void) => TaskQueue | Promise<TaskQueue>

/** Counts what has ended, and tells when enough has. */
export class Countdown {
  #ended = 0
  #wanted = Number.POSITIVE_INFINITY
  #resolve = (): void => {}

  add(count = 1): void {
    this.#ended += count
    if (this.#ended >= this.#wanted) this.#resolve()
  }

  /** Settles when `count` have ended since the start. */
  reach(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#wanted = count
      this.add(0)
    })
  }
}

/** Of how many tasks at once the bodies may run, everywhere. */
export const CONCURRENCY = 100
