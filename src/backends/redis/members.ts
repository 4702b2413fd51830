/** The executors that use one backend object: their tokens, and the connection that is open while there are any. */

import { randomBytes } from 'node:crypto'
import type { Owner } from '../backend.ts'
import { createTurns } from '../in-turn.ts'
import type { Warn } from './durability.ts'
import { refusal } from './failure.ts'
import type { FreeWorkNews } from './free-work.ts'
import { ownerOfToken, SCHEMA } from './schema.ts'
import { openStore, type Store } from './store.ts'
import type { RedisSettings } from './options.ts'

export interface Members {
  join(owner: Owner): Promise<void>
  leave(owner: Owner): Promise<void>
  has(executorId: string): boolean
  /** What the records of an open executor are marked with. @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed` */
  token(executorId: string, operation: string): string
  /** The owner that a token stands for: a former self of an executor of ours has another name. */
  ownerOf(token: string): string
  /** The open store. @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed` */
  store(operation: string): Store
}

/** The end of a registration is not worth waiting for longer: without a beat it ends by itself. */
const LEAVE_MS = 2_500

export interface MembersNews {
  /** Another process has unowned work. */
  readonly free: () => void
  /** Somebody wants a record of one of these executors cancelled. */
  readonly cancel: () => void
  /** What their user should know. */
  readonly warn: Warn
}

export function createMembers(settings: RedisSettings, news: MembersNews): Members {
  const tokens = new Map<string, string>()
  const heard: FreeWorkNews = {
    free: news.free,
    cancel(token) {
      if (token === undefined || tokens.get(ownerOfToken(token)) === token) news.cancel()
    },
  }
  // One that may have been registered by a call whose answer was lost.
  const fresh = new Map<string, string>()
  let store: Store | undefined
  // The last to leave and the next to come do not meet half way.
  const inTurn = createTurns()

  function closeIfUnused(): void {
    if (tokens.size > 0) return
    store?.close()
    store = undefined
  }

  async function joinNow({ executorId }: Owner): Promise<void> {
    try {
      store ??= await openStore(settings, heard, news.warn)
      const current = tokens.get(executorId) ?? ''
      const next = fresh.get(executorId) ?? `${executorId}~${randomBytes(5).toString('hex')}`
      fresh.set(executorId, next)
      tokens.set(executorId, await store.register(executorId, current, next, SCHEMA))
      fresh.delete(executorId)
    } catch (error) {
      closeIfUnused()
      throw error
    }
  }

  async function leaveNow(token: string): Promise<void> {
    // Last in the queue: what this executor has written is written when this is.
    await store?.unregister(token, LEAVE_MS)
    closeIfUnused()
  }

  return {
    join: (owner) => inTurn(() => joinNow(owner)),
    leave({ executorId }) {
      const token = tokens.get(executorId)
      if (token === undefined) return inTurn(async () => {})
      tokens.delete(executorId)
      return inTurn(() => leaveNow(token))
    },
    has: (executorId) => tokens.has(executorId),
    token(executorId, operation) {
      const token = tokens.get(executorId)
      if (token !== undefined) return token
      const message = `executor ${executorId} has closed this backend, or never opened it; call open first`
      throw refusal('closed', operation, message)
    },
    ownerOf(token) {
      const name = ownerOfToken(token)
      const own = tokens.get(name)
      return own === undefined || own === token ? name : token
    },
    store(operation) {
      if (store !== undefined && tokens.size > 0) return store
      throw refusal(
        'closed',
        operation,
        `prefix ${settings.prefix} is not open: every executor has closed it; call open first`,
      )
    },
  }
}
