/** A caller that does as the contract says: it repeats what was rejected, and asks for what a lost claim gave it. */

import type { Backend, InsertEachResult, NewRecord, Owner } from '../backends/backend.ts'
import { BackendUnavailableError } from '../task/errors.ts'
import type { StoredRecord } from '../task/record.ts'

const MAX_TRIES = 50
const FINAL: ReadonlySet<string> = new Set(['closed', 'lease_lost'])

/** `inner`, with every rejected call repeated until it is answered; a call that is refused as `closed` or
 * `lease_lost` is not. */
export function repeatingBackend(inner: Backend): Backend {
  // What each executor knows that it owns: the rest of what the store says came with a lost reply.
  const known = new Set<string>()

  const running = new Set<Promise<unknown>>()

  function repeat<T>(call: () => T | Promise<T>): Promise<T> {
    const answer = untilAnswered(call)
    running.add(answer)
    const forget = (): void => void running.delete(answer)
    answer.then(forget, forget)
    return answer
  }

  async function untilAnswered<T>(call: () => T | Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await call()
      } catch (error) {
        const isFinal = error instanceof BackendUnavailableError && FINAL.has(error.reason)
        if (isFinal || tries >= MAX_TRIES) throw error
      }
    }
  }

  async function gain(
    owner: Owner,
    call: () => readonly StoredRecord[] | Promise<readonly StoredRecord[]>,
  ): Promise<readonly StoredRecord[]> {
    let wasRejected = false
    const records = await repeat(async () => {
      const lost = wasRejected ? await inner.owned(owner) : []
      const unheard = lost.filter((record) => !known.has(keyOf(owner.executorId, record.spec.id)))
      if (unheard.length > 0) return unheard
      try {
        return await call()
      } catch (error) {
        wasRejected = true
        throw error
      }
    })
    for (const record of records) known.add(keyOf(owner.executorId, record.spec.id))
    return records
  }

  function noteInserted(records: readonly NewRecord[], results: readonly InsertEachResult[]): void {
    for (const [index, { spec, state }] of records.entries()) {
      const result = results[index]
      const isIn = result !== undefined && 'type' in result && result.type === 'inserted'
      if (isIn && result.position !== -1) known.add(keyOf(state.owner, spec.id))
    }
  }

  return {
    ...inner,
    open: (owner) => repeat(() => inner.open(owner)),
    async insert(records) {
      const results = await repeat(() => inner.insert(records))
      noteInserted(records, results)
      return results
    },
    ...(inner.insertEach === undefined
      ? undefined
      : {
          async insertEach(records: readonly NewRecord[]): Promise<readonly InsertEachResult[]> {
            const results = await repeat(() => inner.insertEach?.(records) ?? [])
            noteInserted(records, results)
            return results
          },
        }),
    async claim(owner, query) {
      const records = await gain(owner, () => inner.claim(owner, query))
      return records.toSorted(
        (a, b) => b.spec.priority - a.spec.priority || a.position - b.position,
      )
    },
    update(patches) {
      for (const { owner, id, state } of patches) {
        if (state.owner !== owner) known.delete(keyOf(owner, id))
      }
      return repeat(() => inner.update(patches))
    },
    append: (patches) => repeat(() => inner.append(patches)),
    async requestCancel(owner, id, request) {
      const result = await repeat(() => inner.requestCancel(owner, id, request))
      if (result.type === 'claimed') known.add(keyOf(owner.executorId, id))
      return result
    },
    beat: (owner) => repeat(() => inner.beat(owner)),
    deadOwners: (owner, beatBefore) => repeat(() => inner.deadOwners(owner, beatBefore)),
    adopt: (owner, dead, names, limit) => gain(owner, () => inner.adopt(owner, dead, names, limit)),
    owned: (owner) => repeat(() => inner.owned(owner)),
    countUnknown: (names) => repeat(() => inner.countUnknown(names)),
    get: (id) => repeat(() => inner.get(id)),
    logs: (id) => repeat(() => inner.logs(id)),
    sweep: (retention) => repeat(() => inner.sweep(retention)),
    async close(owner) {
      // A call that is repeated after the close would be refused.
      await Promise.allSettled(running)
      for (const key of known) if (key.startsWith(`${owner.executorId} `)) known.delete(key)
      await repeat(() => inner.close(owner))
    },
  }
}

function keyOf(executorId: string | null, id: string): string {
  return `${executorId} ${id}`
}
