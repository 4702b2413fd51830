/** What an executor does beside its tasks: heartbeats, claims, adopting from the dead, and retention. */

import type { BeatResult } from '../backends/backend.ts'
import type { InternalOperation } from '../observers/observer.ts'
import { TaskInterruptedError } from '../task/errors.ts'
import type { StoredRecord } from '../task/record.ts'
import { transition } from '../task/transition.ts'
import type { Attempts } from './attempt.ts'
import { requestHere } from './control.ts'
import { ownerNow, type Core, type TakenOver } from './core.ts'
import { callStore } from './persist.ts'
import { reportUnknown } from './placement.ts'
import { forget, lose } from './settle.ts'

export const BEAT_MS = 5_000
export const LEASE_MS = 15_000
export const DEAD_SWEEP_MS = 2_000
export const POLL_MS = 1_000
const CLAIM_BATCH = 500
/** Claimed work waits in memory; no more is claimed while so much of it waits. */
const CLAIM_UNTIL_WAITING = 1_000
const SWEEP_EVERY_MS = 30_000
const SWEEP_BATCH = 2_000

export interface Upkeep {
  /** Takes over what dead executors left and claims what waits; at start. */
  recover(): Promise<Record<TakenOver, number>>
  /** Begins the regular rounds. */
  begin(): void
  /** Removes finished records beyond the retention. */
  sweep(): void
  stop(): void
}

export function createUpkeep(core: Core, attempts: Attempts): Upkeep {
  const { backend } = core
  let stopped = false
  let claiming = false
  let claimAgain = false
  let calls = 0
  let lastBeatMs = core.clock.monotonic()
  let isPausedByLease = false
  let sweeping = false
  let unlisten: (() => void) | undefined
  const reportedUnknown = new Map<string, number>()

  /** Repeats `work` until stop: never two at once, never holding the process. */
  function every(intervalMs: number, operation: string, work: () => Promise<unknown>): void {
    const round = (): void => {
      if (stopped) return
      const next = (): void => {
        if (!stopped) core.timers.after(intervalMs, round, false)
      }
      work().then(next, (error: unknown) => {
        core.reportBackendError(operation, error)
        next()
      })
    }
    core.timers.after(intervalMs, round, false)
  }

  async function recover(): Promise<Record<TakenOver, number>> {
    const recovered = { claimed: 0, requeued: 0, interrupted: 0, failed: 0 }
    await adoptAll(recovered)
    await claim()
    return recovered
  }

  async function adoptAll(recovered?: Record<TakenOver, number>): Promise<void> {
    const owner = ownerNow(core)
    const dead = await callStore(core, 'poll', 'deadOwners', () =>
      backend.deadOwners(owner, owner.now - LEASE_MS),
    )
    for (const deadOwner of dead) {
      for (;;) {
        if (stopped) return
        const records = await given('persist', 'adopt', () =>
          backend.adopt(ownerNow(core), deadOwner, core.registry.names(), CLAIM_BATCH),
        )
        if (records.length === 0) break
        const outcomes = await Promise.all(records.map((record) => core.takeOver(record)))
        if (recovered !== undefined) for (const outcome of outcomes) recovered[outcome] += 1
      }
    }
    // What they did not own but had not been claimed either is anybody's.
    if (dead.length > 0) await claim()
  }

  async function claim(): Promise<void> {
    if (stopped || core.phase === 'closing' || core.isPaused || isPausedByLease) return
    if (claiming) {
      claimAgain = true
      return
    }
    claiming = true
    try {
      do {
        claimAgain = false
        while (!stopped && core.engine.waiting < CLAIM_UNTIL_WAITING) {
          const query = { names: core.registry.names(), limit: CLAIM_BATCH }
          const records = await given('poll', 'claim', () => backend.claim(ownerNow(core), query))
          for (const record of records) await core.takeOver(record)
          if (records.length < CLAIM_BATCH) break
        }
      } while (claimAgain && !stopped)
    } finally {
      claiming = false
    }
  }

  /** A call that gives records: when it is rejected, they may have been given all the same. */
  async function given(
    internal: InternalOperation,
    operation: string,
    call: () => readonly StoredRecord[] | Promise<readonly StoredRecord[]>,
  ): Promise<readonly StoredRecord[]> {
    calls += 1
    try {
      return await callStore(core, internal, operation, call)
    } catch (error) {
      core.mayOwnUnheard = true
      throw error
    } finally {
      calls -= 1
    }
  }

  /** Takes over what a rejected call has given to this executor. */
  async function hearOfOwned(): Promise<void> {
    // What a call under way is given is not unheard of.
    if (!core.mayOwnUnheard || calls > 0) return
    core.mayOwnUnheard = false
    const known = new Set([...core.live.values()].map((live) => live.id))
    const records = await given('poll', 'owned', () => backend.owned(ownerNow(core)))
    for (const record of records) {
      const { spec, state } = record
      // Our own inserts, under way or given up, are not at issue: only a claim or an adoption has such a fence.
      const wasGiven = state.fence > (state.status === 'running' ? 1 : 0)
      if (!wasGiven || known.has(spec.id) || core.live.get(spec.id) !== undefined) continue
      const request = record.cancelRequest
      if (request === undefined || core.registry.get(spec.name) !== undefined) {
        await core.takeOver(record)
      } else {
        await core.endUnplaced(
          record,
          transition(spec, state, { type: 'cancel', ...request }, core.clock.now()),
        )
      }
    }
  }

  async function beat(): Promise<void> {
    let answer: BeatResult
    try {
      answer = await callStore(core, 'heartbeat', 'beat', () => backend.beat(ownerNow(core)))
    } catch (error) {
      // Past the lease others may think us dead: start nothing more until the store answers.
      if (core.clock.monotonic() - lastBeatMs > LEASE_MS && !isPausedByLease) {
        isPausedByLease = true
        core.engine.pause()
      }
      throw error
    }
    lastBeatMs = core.clock.monotonic()
    if (isPausedByLease) {
      isPausedByLease = false
      if (!core.isPaused) core.engine.resume()
    }
    if (answer.type === 'lost') {
      await surrender()
      return
    }
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
    await callStore(core, 'persist', 'open', () => backend.open(ownerNow(core)))
  }

  async function lookForUnknown(): Promise<void> {
    const counts = await callStore(core, 'poll', 'countUnknown', () =>
      backend.countUnknown(core.registry.names()),
    )
    for (const [name, count] of Object.entries(counts)) {
      if (reportedUnknown.get(name) === count) continue
      reportedUnknown.set(name, count)
      reportUnknown(core, name, count)
    }
    for (const name of reportedUnknown.keys())
      if (counts[name] === undefined) reportedUnknown.delete(name)
  }

  function sweep(): void {
    if (sweeping || stopped) return
    sweeping = true
    const { maxAgeMs, maxFinished } = core.options
    const now = core.clock.now()
    const byDefault = backend.capabilities.durable === 'none' ? 1_000 : 100_000
    const retention = {
      endedBefore: now - maxAgeMs,
      maxFinished: maxFinished ?? byDefault,
      limit: SWEEP_BATCH,
      now,
    }
    const done = (): void => {
      sweeping = false
    }
    try {
      const answer = callStore(core, 'sweep', 'sweep', () => backend.sweep(retention))
      if (answer instanceof Promise) {
        answer.then(done, (error: unknown) => {
          done()
          core.reportBackendError('sweep', error)
        })
      } else {
        done()
      }
    } catch (error) {
      done()
      core.reportBackendError('sweep', error)
    }
  }

  return {
    recover,
    begin() {
      every(BEAT_MS, 'beat', beat)
      every(SWEEP_EVERY_MS, 'sweep', async () => sweep())
      every(POLL_MS, 'owned', hearOfOwned)
      if (!core.options.work) return
      every(POLL_MS, 'claim', claim)
      every(DEAD_SWEEP_MS, 'adopt', () => adoptAll())
      every(SWEEP_EVERY_MS, 'countUnknown', lookForUnknown)
      lookForUnknown().catch((error: unknown) => core.reportBackendError('countUnknown', error))
      unlisten = backend.onUnowned?.(() => {
        core.timers.after(0, () => {
          claim().catch((error: unknown) => core.reportBackendError('claim', error))
        })
      })
    },
    sweep,
    stop() {
      stopped = true
      unlisten?.()
    },
  }
}
