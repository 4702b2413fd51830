/** A backend that fails on purpose: before the work, after it (a lost reply), never, or late. */

import type { Backend } from '../backends/backend.ts'
import { BackendUnavailableError } from '../task/errors.ts'

/** The methods that can fail; queries and listeners pass through. */
export type BackendMethod = Exclude<
  keyof Backend,
  'name' | 'capabilities' | 'queries' | 'onUnowned' | 'onCancel' | 'onWarning'
>

/**
 * What befalls one call. `failBefore`: rejected, nothing was done. `failAfter`: done, then rejected. `hang`: done,
 * and never answered.
 */
export type Fault = 'failBefore' | 'failAfter' | 'hang' | { readonly slowMs: number }

/** Decides over each call; `index` counts the calls of all methods from 0. */
export type FaultPlan = (call: {
  readonly method: BackendMethod
  readonly index: number
}) => Fault | undefined

const METHODS: readonly BackendMethod[] = [
  'open',
  'insert',
  'insertEach',
  'claim',
  'update',
  'append',
  'requestCancel',
  'beat',
  'deadOwners',
  'adopt',
  'owned',
  'countUnknown',
  'get',
  'logs',
  'sweep',
  'close',
]

/** `inner` with the faults of `plan`. Every method answers with a promise. */
export function faultyBackend(inner: Backend, plan: FaultPlan): Backend {
  let calls = 0
  const faulty: Record<string, unknown> = { ...inner }
  for (const method of METHODS) {
    const real = inner[method] as ((...args: unknown[]) => unknown) | undefined
    if (real === undefined) continue
    faulty[method] = async (...args: unknown[]): Promise<unknown> => {
      const fault = plan({ method, index: calls++ })
      if (fault === 'failBefore') throw lost(inner, method, 'it was not done')
      if (typeof fault === 'object') {
        await new Promise((resolve) => {
          setTimeout(resolve, fault.slowMs)
        })
      }
      const answer = await real(...args)
      if (fault === 'failAfter') throw lost(inner, method, 'its reply was lost')
      if (fault === 'hang') await new Promise(() => {})
      return answer
    }
  }
  return faulty as unknown as Backend
}

/** A plan that draws each fault by chance, the same for the same seed. `rates` are from 0 to 1 and sum up to at most 1. */
export function seededFaults(
  seed: number,
  rates: { readonly failBefore?: number; readonly failAfter?: number; readonly slow?: number },
): FaultPlan {
  const { failBefore = 0, failAfter = 0, slow = 0 } = rates
  let state = seed >>> 0
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    const drawn = ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
    if (drawn < failBefore) return 'failBefore'
    if (drawn < failBefore + failAfter) return 'failAfter'
    if (drawn < failBefore + failAfter + slow) return { slowMs: Math.ceil(drawn * 5) }
    return undefined
  }
}

function lost(inner: Backend, method: BackendMethod, what: string): BackendUnavailableError {
  return new BackendUnavailableError(inner.name, method, 'io', `failed on purpose: ${what}`)
}
