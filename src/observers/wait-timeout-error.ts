/** What a wait rejects with when its time is over. */

/** What was waited for did not come in time; `message` says what came instead. */
export class WaitTimeoutError extends Error {
  readonly code: 'WAIT_TIMEOUT'
  /** How long the wait was, in milliseconds. */
  readonly timeoutMs: number

  constructor(message: string, timeoutMs: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WaitTimeoutError'
    this.code = 'WAIT_TIMEOUT'
    this.timeoutMs = timeoutMs
  }
}
