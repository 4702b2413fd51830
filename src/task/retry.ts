/** Whether and when a failed attempt is followed by another. Pure: randomness is passed in. */

import { durationMs } from './duration.ts'
import { RetryAfterError, UnrecoverableError } from './errors.ts'
import { ignoreRejection } from './reading.ts'
import type { Backoff, RetryFacts, RunOptions } from './options.ts'

/** What a failure means: whether it was final by its kind, and the delay before the next attempt (`undefined`: none). */
export interface RetryDecision {
  readonly isUnrecoverable: boolean
  readonly retryDelayMs: number | undefined
}

const UNRECOVERABLE: RetryDecision = { isUnrecoverable: true, retryDelayMs: undefined }
const NO_RETRY: RetryDecision = { isUnrecoverable: false, retryDelayMs: undefined }

/** The longest delay a timer or a date can carry. */
const MAX_DELAY_MS = 8_640_000_000_000

/**
 * Judges `error` by `options`; the budget itself is `transition`'s business.
 *
 * In this order: `UnrecoverableError` and `abortOn` never retry; `RetryAfterError` sets the delay; `retryOn`
 * and `retryIf` may refuse. A `retryIf` or backoff function that throws counts as a refusal or as no delay.
 * @param facts - `failures` counts from 1 and leaves recoveries out
 */
export function decideRetry(
  options: RunOptions,
  error: unknown,
  facts: RetryFacts,
  random: () => number,
): RetryDecision {
  if (isA(error, UnrecoverableError, 'UNRECOVERABLE') || matchesAny(error, options.abortOn))
    return UNRECOVERABLE
  if (isA(error, RetryAfterError, 'RETRY_AFTER')) {
    return retryIn(() => durationMs((error as RetryAfterError).delay, 'delay'))
  }
  if (options.retryOn !== undefined && !matchesAny(error, options.retryOn)) return NO_RETRY
  const { retryIf, backoff } = options
  if (retryIf !== undefined && !holds(() => retryIf(error, facts))) return NO_RETRY
  if (typeof backoff === 'function') {
    return retryIn(() => {
      const delay: unknown = backoff(facts)
      ignoreRejection(delay)
      return durationMs(delay, 'backoff')
    })
  }
  return { isUnrecoverable: false, retryDelayMs: backoffDelayMs(backoff, facts.failures, random) }
}

/**
 * The delay before retry `failures`: min(max, delay · factor^(failures − 1)), then jitter.
 *
 * `full` draws from [0, d], `equal` from [d/2, d], `none` keeps d. Source: M. Brooker, "Exponential Backoff
 * And Jitter", AWS Architecture Blog, 2015.
 */
export function backoffDelayMs(backoff: Backoff, failures: number, random: () => number): number {
  // Far enough out the power is Infinity, and 0 · Infinity is NaN.
  const exact =
    backoff.delayMs === 0
      ? 0
      : Math.min(backoff.maxMs, backoff.delayMs * backoff.factor ** (failures - 1))
  switch (backoff.jitter) {
    case 'none':
      return exact
    case 'full':
      return exact * fraction(random)
    case 'equal':
      return exact / 2 + (exact / 2) * fraction(random)
  }
}

// One that throws or answers no fraction draws the longest delay: nothing but time is lost.
function fraction(random: () => number): number {
  try {
    const drawn = random()
    return drawn >= 0 && drawn <= 1 ? drawn : 1
  } catch {
    return 1
  }
}

function retryIn(read: () => number): RetryDecision {
  try {
    return { isUnrecoverable: false, retryDelayMs: Math.min(read(), MAX_DELAY_MS) }
  } catch {
    return { isUnrecoverable: false, retryDelayMs: 0 }
  }
}

function holds(test: () => boolean): boolean {
  try {
    const answer: unknown = test()
    if (answer === true) return true
    ignoreRejection(answer)
    return false
  } catch {
    return false
  }
}

function matchesAny(error: unknown, classes: RunOptions['retryOn']): boolean {
  return classes !== undefined && holds(() => classes.some((each) => error instanceof each))
}

// By code too, so that an error of another copy of this package is understood.
function isA(
  error: unknown,
  type: typeof UnrecoverableError | typeof RetryAfterError,
  code: string,
): boolean {
  return holds(
    () =>
      error instanceof type ||
      (error instanceof Error &&
        (error as { code?: unknown }).code === code &&
        error.name === type.name),
  )
}
