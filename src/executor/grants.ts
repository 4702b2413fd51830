/** Calls by which the store gives records to this executor: what one gave without our hearing of it is asked for again. */

import type { InternalOperation } from '../observers/observer.ts'
import type { StoredRecord } from '../task/record.ts'
import { transition } from '../task/transition.ts'
import { ownerNow, type Core } from './core.ts'
import { callStore } from './persist.ts'

export interface Grants {
  /** A claim or an adoption: when it is rejected, the records may have been given all the same. */
  ask(
    internal: InternalOperation,
    operation: string,
    call: () => readonly StoredRecord[] | Promise<readonly StoredRecord[]>,
  ): Promise<readonly StoredRecord[]>
  /** Takes over what a rejected call has given to this executor. */
  hearOfUnheard(): Promise<void>
}

export function createGrants(core: Core): Grants {
  let calls = 0

  const ask: Grants['ask'] = async (internal, operation, call) => {
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

  return {
    ask,
    async hearOfUnheard() {
      // What a call under way is given is not unheard of.
      if (!core.mayOwnUnheard || calls > 0) return
      core.mayOwnUnheard = false
      const known = new Set([...core.live.values()].map((live) => live.id))
      const records = await ask('poll', 'owned', () => core.backend.owned(ownerNow(core)))
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
    },
  }
}
