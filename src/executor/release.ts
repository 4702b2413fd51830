/** Gives waiting records back to the store, where anyone may claim them. */

import type { WriteResult } from '../backends/backend.ts'
import type { StoredRecord } from '../task/record.ts'
import type { Core } from './core.ts'
import type { LiveTask } from './live-task.ts'
import { callUntilAnswered } from './persist.ts'
import { forget, lose, patchOf } from './settle.ts'

/** Records per write. */
const BATCH = 500

/** Tasks that were taken out of the engine: they leave this executor's memory. Answers those that the store took. */
export async function releaseTasks(
  core: Core,
  lives: readonly LiveTask[],
): Promise<readonly LiveTask[]> {
  for (const live of lives) live.isSettling = true
  const released: LiveTask[] = []
  for (let from = 0; from < lives.length; from += BATCH) {
    const batch = lives.slice(from, from + BATCH)
    const results = await giveUp(core, batch)
    for (const [index, live] of batch.entries()) {
      live.isSettling = false
      if (results[index] === 'ok') {
        released.push(live)
        live.state = { ...live.state, owner: null }
      } else {
        lose(core, live)
      }
      forget(core, live)
    }
  }
  return released
}

/** Records that a claim has given to this executor and that it does not want any more. */
export async function giveBackRecords(core: Core, records: readonly StoredRecord[]): Promise<void> {
  for (let from = 0; from < records.length; from += BATCH) {
    await giveUp(core, records.slice(from, from + BATCH))
  }
}

/** Writes that they have no owner. */
async function giveUp(
  core: Core,
  records: readonly Pick<StoredRecord, 'spec' | 'state' | 'position'>[],
): Promise<readonly WriteResult[]> {
  const patches = records.map((record) => patchOf(core, record, { ...record.state, owner: null }))
  try {
    return await callUntilAnswered(core, 'persist', 'update', () => core.backend.update(patches))
  } catch {
    // Closed meanwhile: they keep this executor as their owner, and are recovered from it.
    return []
  }
}
