/** Waits until something is so, instead of sleeping and hoping. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Duration, durationMs } from '../task/duration.ts'
import { WaitTimeoutError } from '../task/errors.ts'

/** How long to wait, and how often to look. */
export interface WaitForOptions {
  /** Default 5 s. */
  readonly timeout?: Duration | undefined
  /** Between two looks. Default 5 ms. */
  readonly interval?: Duration | undefined
  /** What is waited for, for the error's message. */
  readonly what?: string | undefined
}

/**
 * Resolves with what `condition` answers, once that is truthy. A condition that throws or rejects is asked again, and
 * the last thing it threw is the error's `cause`.
 *
 * @throws {WaitTimeoutError} WAIT_TIMEOUT when it did not come in time
 * @example
 * await waitFor(() => requests.length === 3, { what: 'the third request' })
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeout = '5s', interval = 5, what = 'the condition' }: WaitForOptions = {},
): Promise<Exclude<T, null | undefined | false | 0 | ''>> {
  const timeoutMs = durationMs(timeout, 'timeout', 'waitFor: ')
  const intervalMs = durationMs(interval, 'interval', 'waitFor: ')
  const start = performance.now()
  for (;;) {
    let last: T | undefined
    let thrown: { readonly error: unknown } | undefined
    try {
      last = await condition()
      if (last) return last as Exclude<T, null | undefined | false | 0 | ''>
    } catch (error) {
      thrown = { error }
    }
    if (performance.now() - start >= timeoutMs) {
      const why =
        thrown === undefined ? `it was ${String(last)}` : `it threw ${textOf(thrown.error)}`
      const message = `waited ${timeoutMs} ms for ${what}; at the last look ${why}`
      throw new WaitTimeoutError(message, timeoutMs, thrown && { cause: thrown.error })
    }
    await sleep(intervalMs)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
