/** The executors that use one backend object: their numbers and locks, and the database that is open while there are any. */

import type { DatabaseSync } from 'node:sqlite'
import type { Owner } from '../backend.ts'
import { createTurns } from '../in-turn.ts'
import { refusal } from '../../connections/sqlite-failure.ts'
import type { SqliteSettings } from './options.ts'
import { lockPath, takeLock, type OwnerLock } from './owner-lock.ts'
import { removeStaleLocks } from './stale-locks.ts'
import { openStore, type Store } from './store.ts'

export interface Members {
  join(owner: Owner): Promise<void>
  leave(owner: Owner): Promise<void>
  has(executorId: string): boolean
  /** The number of an open executor. For use in a transaction. */
  number(executorId: string): number
  /** The open database. @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed` */
  store(operation: string): Store
  /** @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed`, unless this executor has opened the backend */
  check(executorId: string, operation: string): void
}

const LOCK_TRIES = 20
const LOCK_RETRY_MS = 25

export interface MembersNews {
  /** Another connection has written: there may be unowned work. */
  readonly free: () => void
  /** Another connection wants a record of one of these executors cancelled. */
  readonly cancel: () => void
}

export function createMembers(settings: SqliteSettings, news: MembersNews): Members {
  const { path } = settings
  const open = new Set<string>()
  // A number outlives `open` until the calls that were made before the close have run.
  const numbers = new Map<string, number>()
  const locks = new Map<string, OwnerLock>()
  /** The cancels that each has been told of, or will find by its first beat. */
  const cancelsKnown = new Map<string, string>()
  let known: string | undefined
  let store: Store | undefined
  // The last to leave and the next to come do not meet half way.
  const inTurn = createTurns()

  async function closeIfUnused(): Promise<void> {
    if (open.size > 0) return
    const unused = store
    store = undefined
    await unused?.close()
  }

  function changed(): void {
    news.free()
    let isNew = false
    for (const executorId of open) {
      const asked = store?.owners.askedOf(number(executorId)) ?? ''
      if (asked !== '' && asked !== cancelsKnown.get(executorId)) isNew = true
      cancelsKnown.set(executorId, asked)
    }
    if (isNew) news.cancel()
  }

  function release(executorId: string): void {
    locks.get(executorId)?.release()
    locks.delete(executorId)
  }

  function number(executorId: string): number {
    const found = numbers.get(executorId)
    if (found === undefined) throw closed(executorId, 'write')
    return found
  }

  function closed(executorId: string, operation: string): Error {
    const message = `executor ${executorId} has closed this backend, or never opened it; call open first`
    return refusal('closed', operation, message)
  }

  async function joinNow(owner: Owner): Promise<void> {
    const { executorId } = owner
    store ??= await openStore(settings, number, changed)
    const { queue, owners, Database } = store
    try {
      if (!locks.has(executorId)) {
        const lock = await waitForLock(Database, path, executorId)
        if (lock !== undefined) locks.set(executorId, lock)
      }
      const current = numbers.get(executorId)
      numbers.set(executorId, await queue.run('open', 1, () => owners.register(owner, current)))
      open.add(executorId)
      await cleanUp(store)
    } catch (error) {
      if (!open.has(executorId)) release(executorId)
      await closeIfUnused()
      throw error
    }
  }

  async function cleanUp({ queue, owners, Database }: Store): Promise<void> {
    try {
      await removeStaleLocks(Database, path, () => queue.read('open', () => owners.ids()))
    } catch {
      // The next open tries again: a file too many harms nobody.
    }
  }

  async function leaveNow({ executorId }: Owner): Promise<void> {
    const own = numbers.get(executorId)
    if (own === undefined || store === undefined) return
    const { queue, owners } = store
    try {
      // Last in the queue: what this executor has written is written when this is.
      await queue.run('close', 1, () => owners.unregister(own))
    } catch {
      // Its lock is free in a moment, which says the same.
    }
    numbers.delete(executorId)
    cancelsKnown.delete(executorId)
    release(executorId)
    await closeIfUnused()
  }

  return {
    join: (owner) => inTurn(() => joinNow(owner)),
    leave(owner) {
      open.delete(owner.executorId)
      if (known === owner.executorId) known = undefined
      return inTurn(() => leaveNow(owner))
    },
    has: (executorId) => open.has(executorId),
    number,
    store(operation) {
      if (store !== undefined && open.size > 0) return store
      throw refusal(
        'closed',
        operation,
        `${path} is not open: every executor has closed it; call open first`,
      )
    },
    check(executorId, operation) {
      if (executorId === known) return
      if (!open.has(executorId)) throw closed(executorId, operation)
      known = executorId
    },
  }
}

async function waitForLock(
  Database: typeof DatabaseSync,
  path: string,
  executorId: string,
): Promise<OwnerLock | undefined> {
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    const lock = takeLock(Database, lockPath(path, executorId))
    if (lock === 'unsupported') return undefined
    if (lock !== 'busy') return lock
    // One that asks whether we live holds it for a moment, too.
    await new Promise((resolve) => {
      setTimeout(resolve, LOCK_RETRY_MS)
    })
  }
  const message = `${path}: an executor with the id ${executorId} is running already; give each executor an id of its own`
  throw refusal('cannot_open', 'open', message)
}
