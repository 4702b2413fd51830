/** What an executor does beside its tasks: heartbeats, claims, adopting from the dead. */

import { ownerNow, type Core } from './core.ts'
import type { Grants } from './grants.ts'
import { LEASE_MS, type Lease } from './lease.ts'
import { callStore } from './persist.ts'
import { reportUnknown } from './placement.ts'
import { createSweeper } from './sweeper.ts'
import type { TakenOver } from './window.ts'

export const BEAT_MS = 5_000
/** After one that failed: past the lease nothing starts until the store has answered one. */
const BEAT_RETRY_MS = 1_000
export const DEAD_SWEEP_MS = 2_000
export const POLL_MS = 1_000
const ADOPT_BATCH = 500
const LOOK_FOR_UNKNOWN_MS = 30_000

export interface Upkeep {
  /** Takes over what dead executors left and claims what waits; at start. */
  recover(): Promise<Record<TakenOver, number>>
  /** Begins the regular rounds. */
  begin(): void
  /** One more task has ended here: retention goes by it. */
  finished(): void
  /** Settles when no record is on its way here any more. */
  stop(): Promise<void>
}

export function createUpkeep(core: Core, lease: Lease, grants: Grants): Upkeep {
  const { backend } = core
  let stopped = false
  const sweeper = createSweeper(core)
  const unlisten: ((() => void) | undefined)[] = []
  const reportedUnknown = new Map<string, number>()

  /** Repeats `work` until stop, `retryMs` after it has failed: never two at once, never holding the process. */
  function every(
    intervalMs: number,
    operation: string,
    work: () => Promise<unknown>,
    retryMs: number = intervalMs,
  ): void {
    const round = (): void => {
      if (stopped) return
      const next = (waitMs: number): void => {
        if (!stopped) core.timers.after(waitMs, round, false)
      }
      work().then(
        () => next(intervalMs),
        (error: unknown) => {
          core.reportBackendError(operation, error)
          next(retryMs)
        },
      )
    }
    core.timers.after(intervalMs, round, false)
  }

  async function recover(): Promise<Record<TakenOver, number>> {
    const recovered = { claimed: 0, requeued: 0, interrupted: 0, failed: 0 }
    await adoptAll(recovered)
    for (const outcome of await core.window.fill()) recovered[outcome] += 1
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
        const records = await grants.ask('persist', 'adopt', () =>
          backend.adopt(ownerNow(core), deadOwner, core.registry.names(), ADOPT_BATCH),
        )
        if (records.length === 0) break
        const outcomes = await Promise.all(records.map((record) => core.takeOver(record)))
        if (recovered !== undefined) for (const outcome of outcomes) recovered[outcome] += 1
        // It may have held as much as we do.
        await core.window.trim()
      }
    }
    // What they did not own but had not been claimed either is anybody's.
    if (dead.length > 0) await core.window.fill()
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

  function hearOfCancels(): void {
    lease.beatAgain().catch((error: unknown) => core.reportBackendError('beat', error))
  }

  return {
    recover,
    begin() {
      every(BEAT_MS, 'beat', lease.beat, BEAT_RETRY_MS)
      // Where nothing has to be written, nothing else would tell that the store is there again.
      every(POLL_MS, 'beat', async () => {
        if (!core.tally.isStoreThere) await lease.beat()
      })
      sweeper.begin()
      every(POLL_MS, 'owned', grants.hearOfUnheard)
      if (!core.options.work) return
      every(POLL_MS, 'claim', core.window.fill)
      every(DEAD_SWEEP_MS, 'adopt', () => adoptAll())
      every(LOOK_FOR_UNKNOWN_MS, 'countUnknown', lookForUnknown)
      lookForUnknown().catch((error: unknown) => core.reportBackendError('countUnknown', error))
      unlisten.push(backend.onUnowned?.(core.window.nudge), backend.onCancel?.(hearOfCancels))
    },
    finished: sweeper.finished,
    stop() {
      stopped = true
      sweeper.stop()
      for (const end of unlisten) end?.()
      return core.window.stop()
    },
  }
}
