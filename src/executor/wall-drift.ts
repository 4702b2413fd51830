/** Delays that a write lies in: the wall clock may be set while the store answers, and the delay counts all the same. */

import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'

/** Below this the two clocks merely tick apart. */
const TICKS_MS = 1_000

/** To be called when a due time is made, before it is written. */
export function noteOffset({ clock }: Core, live: LiveTask): void {
  live.wallOffsetMs = clock.now() - clock.monotonic()
}

/** By how much the wall clock was set since: what a due time has to move by, so that the delay stays what it was. */
export function wallDrift({ clock }: Core, live: LiveTask): number {
  const driftMs = clock.now() - clock.monotonic() - live.wallOffsetMs
  return Math.abs(driftMs) < TICKS_MS ? 0 : driftMs
}
