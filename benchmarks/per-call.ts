/** What one call costs, in a loop that V8 cannot make part of the function that it calls. */

import { spreadOf } from './rounds.ts'

// Calls of several functions here make V8 give up inlining any of them.
const strangers = [1, 2, 3, 4, 5].map((value) => [() => value, () => -value, () => {}]).flat()

const PARTS = 9

/** The median of equal parts: one during which another process had the processor says nothing of the call. */
export function nanosecondsPerCall(call: (index: number) => void, calls: number): number {
  for (const stranger of strangers) loop(stranger, 1_000)
  const part = Math.floor(calls / PARTS)
  loop(call, calls - part * PARTS)
  const times = Array.from({ length: PARTS }, () => loop(call, part))
  return (spreadOf(times).median / part) * 1e6
}

function loop(call: (index: number) => void, times: number): number {
  const startedAt = performance.now()
  for (let index = 0; index < times; index++) call(index)
  return performance.now() - startedAt
}
