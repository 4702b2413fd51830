/** How an enqueue is tried again while the store is away. */

import { MAX_TIMER_MS } from '../task/clock.ts'
import { durationMs } from '../task/duration.ts'
import type { EnqueueRetry } from '../task/enqueue-options.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import type { Backoff } from '../task/options.ts'
import { readFields } from '../task/reading.ts'
import { backoffDelayMs } from '../task/retry.ts'

/** The same, checked. */
export interface EnqueueRetryPolicy {
  readonly retries: number
  readonly backoff: Backoff
  readonly withinMs: number
}

const NEVER: EnqueueRetryPolicy = { retries: 0, backoff: doubling(0, 0), withinMs: 0 }
const NAMES = ['retries', 'delay', 'max', 'within']
const EXPECTED = `false, or an object { ${NAMES.join(', ')} }`

/** @throws {InvalidOptionsError} INVALID_OPTIONS when `value` is none */
export function resolveEnqueueRetry(
  value: EnqueueRetry | false | undefined,
  where: string,
): EnqueueRetryPolicy {
  if (value === false) return NEVER
  const fields = value === undefined ? {} : readFields(value, 'enqueueRetry', EXPECTED, where)
  for (const [name, item] of Object.entries(fields)) {
    if (NAMES.includes(name)) continue
    const expected = `left out: the options are ${NAMES.join(', ')}`
    throw new InvalidOptionsError(`enqueueRetry.${name}`, expected, item, where)
  }
  const { retries = 3, delay = '100ms', max = '400ms', within = '1s' } = fields
  if (!(typeof retries === 'number' && Number.isSafeInteger(retries) && retries >= 0)) {
    throw new InvalidOptionsError('enqueueRetry.retries', 'an integer from 0', retries, where)
  }
  const timer = (name: string, given: unknown): number =>
    Math.min(MAX_TIMER_MS, durationMs(given, `enqueueRetry.${name}`, where))
  return {
    retries,
    backoff: doubling(timer('delay', delay), timer('max', max)),
    withinMs: timer('within', within),
  }
}

/**
 * The wait before try number `index` (from 0) after the first, in milliseconds; `undefined` when there is none, because
 * there were enough or it would begin after the time for all of them.
 */
export function retryDelay(
  policy: EnqueueRetryPolicy,
  index: number,
  elapsedMs: number,
): number | undefined {
  if (index >= policy.retries) return undefined
  const delayMs = backoffDelayMs(policy.backoff, index + 1, Math.random)
  return elapsedMs + delayMs <= policy.withinMs ? delayMs : undefined
}

function doubling(delayMs: number, maxMs: number): Backoff {
  return { delayMs, factor: 2, maxMs, jitter: 'none' }
}
