/** Waiting for a record to get somewhere, in whatever process that happens. */

import { ResultUnavailableError } from '../task/errors.ts'
import type { CancelRequest, StoredRecord } from '../task/record.ts'
import type { Core } from './core.ts'
import { callUntilAnswered } from './persist.ts'

const FIRST_POLL_MS = 50
const MAX_POLL_MS = 500
/** With thousands waiting, each asks the store less often: all of them together no more than so many times a second. */
const MAX_POLLS_PER_SECOND = 4_000

/**
 * The record, once `isThere` holds: the store is asked often at first, then twice a second, in a crowd less often.
 * `undefined` as soon as the task is in this process's memory, where its end is heard of at once.
 *
 * @throws {ResultUnavailableError} RESULT_UNAVAILABLE when there is no record (any more), or nobody waits any more
 */
export async function watchRecord(
  core: Core,
  id: string,
  isThere: (record: StoredRecord) => boolean,
  stop?: AbortSignal,
): Promise<StoredRecord | undefined> {
  core.watching += 1
  const crowdedMs = (): number => (core.watching * 1_000) / MAX_POLLS_PER_SECOND
  try {
    for (let delayMs = FIRST_POLL_MS; ; delayMs = Math.min(delayMs * 1.5, MAX_POLL_MS)) {
      if (stop?.aborted === true)
        throw new ResultUnavailableError(id, 'nobody waits for it any more')
      if (core.phase === 'closed') throw new ResultUnavailableError(id, 'this executor is closed')
      if (core.live.get(id) !== undefined) return undefined
      // In a crowd the first look can wait, too: most come into this memory soon.
      if (crowdedMs() > FIRST_POLL_MS && delayMs === FIRST_POLL_MS)
        await pause(core, id, crowdedMs(), stop)
      if (core.live.get(id) !== undefined) return undefined
      const stored = await callUntilAnswered(
        core,
        'poll',
        'get',
        () => core.backend.get(id),
        () => core.phase === 'closed' || stop?.aborted === true,
      )
      if (stored === undefined) {
        const why = 'its record does not exist, or retention has removed it'
        throw new ResultUnavailableError(id, why)
      }
      if (isThere(stored)) return stored
      await pause(core, id, Math.max(delayMs, crowdedMs()), stop)
    }
  } finally {
    core.watching -= 1
  }
}

/** Settles after `ms`, when the task comes in, when the executor is closed, or when nobody waits any more. */
function pause(core: Core, id: string, ms: number, stop: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      core.onClosed.delete(done)
      stop?.removeEventListener('abort', done)
      deadline.cancel()
      off()
      resolve()
    }
    const off = core.live.onArrival(id, done)
    const deadline = core.timers.after(ms, done)
    core.onClosed.add(done)
    stop?.addEventListener('abort', done)
  })
}

/** The cancel that somebody asked for, as the store has it. */
export async function requestOf(core: Core, id: string): Promise<CancelRequest> {
  try {
    const stored = await callUntilAnswered(core, 'poll', 'get', () => core.backend.get(id))
    return stored?.cancelRequest ?? {}
  } catch {
    // Closed meanwhile.
    return {}
  }
}
