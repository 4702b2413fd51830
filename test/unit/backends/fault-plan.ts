/** Plans of faults for the conformance suite. */

import type { Fault, FaultPlan } from '../../../src/testing/faulty-backend.ts'

/**
 * Every second call of a method has `fault`, from the first one on, so that a repeated one succeeds.
 *
 * Lost replies spare `sweep`: it counts what that very call removed.
 */
export function everySecond(fault: Fault): FaultPlan {
  const calls = new Map<string, number>()
  return ({ method }) => {
    if (fault === 'failAfter' && method === 'sweep') return undefined
    const count = calls.get(method) ?? 0
    calls.set(method, count + 1)
    return count % 2 === 0 ? fault : undefined
  }
}
