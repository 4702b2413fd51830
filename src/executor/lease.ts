/** The lease: says to the store that this executor lives, hears of cancels, and lets go when its records were given away. */

import type { BeatResult } from '../backends/backend.ts'
import { TaskInterruptedError } from '../task/errors.ts'
import type { Attempts } from './attempt.ts'
import { requestHere } from './control.ts'
import { ownerNow, type Core } from './core.ts'
import { callStore } from './persist.ts'
import { forget, lose } from './settle.ts'

/** Without a beat for so long, others may take this executor for dead. */
export const LEASE_MS = 15_000

export interface Lease {
  beat(): Promise<void>
  /** As `beat`, by one that begins after this call: what was asked for before it is answered. */
  beatAgain(): Promise<void>
}

export function createLease(core: Core, attempts: Attempts): Lease {
  let lastBeatMs = core.clock.monotonic()
  core.leaseEndsMs = lastBeatMs + LEASE_MS
  let beating: Promise<void> | undefined

  async function beatNow(): Promise<void> {
    let answer: BeatResult
    try {
      answer = await callStore(core, 'heartbeat', 'beat', () => core.backend.beat(ownerNow(core)))
    } catch (error) {
      // Others may think us dead: start nothing more until the store answers.
      if (core.clock.monotonic() - lastBeatMs > LEASE_MS && !core.isPastLease) {
        core.isPastLease = true
        core.engine.pause()
      }
      throw error
    }
    lastBeatMs = core.clock.monotonic()
    core.leaseEndsMs = lastBeatMs + LEASE_MS
    if (answer.type === 'lost') await surrender()
    if (core.isPastLease) {
      core.isPastLease = false
      if (!core.isPaused) core.engine.resume()
    }
    if (answer.type === 'lost') return
    for (const { id, ...request } of answer.cancels) {
      const live = core.live.get(id)
      if (live !== undefined) requestHere(core, attempts, live, request)
    }
  }

  /** The store gave our records away: stop their bodies, forget them, and begin anew. */
  async function surrender(): Promise<void> {
    for (const live of Array.from(core.live.values())) {
      lose(core, live)
      const { attempt } = live
      if (attempt !== undefined && !attempt.isOver) {
        attempt.abort(new TaskInterruptedError(live.id, live.name, 'lease_lost'))
        attempts.interrupt(live)
      } else if (core.engine.remove(live)) {
        forget(core, live)
      }
    }
    await callStore(core, 'persist', 'open', () => core.backend.open(ownerNow(core)))
  }

  function beat(): Promise<void> {
    beating ??= beatNow().finally(() => {
      beating = undefined
    })
    return beating
  }

  return {
    beat,
    beatAgain: () => (beating === undefined ? beat() : beating.then(beat, beat)),
  }
}
