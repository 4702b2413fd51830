/** What a wait rejects with when its time is over. */

import { PlainsightError } from '../task/errors.ts'

/** What was waited for did not come in time; `message` says what came instead. */
export class WaitTimeoutError extends PlainsightError {
  /** How long the wait was, in milliseconds. */
  readonly timeoutMs: number

  constructor(message: string, timeoutMs: number, options?: ErrorOptions) {
    super('WAIT_TIMEOUT', message, options)
    this.timeoutMs = timeoutMs
  }
}
