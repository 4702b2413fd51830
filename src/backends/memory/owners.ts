/** The executors that use a memory backend, and the ones that left records behind. */

import { BackendUnavailableError } from '../../task/errors.ts'

export interface Owners {
  /** @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed`, unless this executor has opened the backend */
  check(executorId: string, operation: string): void
  /** @throws {BackendUnavailableError} BACKEND_UNAVAILABLE, reason `closed`, unless some executor has */
  checkAny(operation: string): void
  /** Registers it. Answers the new name of an earlier executor of this id that left records behind. */
  open(executorId: string): string | undefined
  /** False when it was not open. */
  close(executorId: string): boolean
  /** Owners that are gone and left records behind. */
  readonly dead: Set<string>
}

export function createOwners(): Owners {
  const open = new Set<string>()
  const dead = new Set<string>()
  let formerSelves = 0
  let known: string | undefined

  return {
    dead,
    check(executorId, operation) {
      // Calls come in runs of the same string, so most stop here.
      if (executorId === known) return
      if (!open.has(executorId)) throw closedError(operation, `executor ${executorId}`)
      known = executorId
    },
    checkAny(operation) {
      if (open.size === 0) throw closedError(operation, 'every executor')
    },
    open(executorId) {
      open.add(executorId)
      // No executor can have this name: `~` is not in the pattern of ids.
      return dead.has(executorId) ? `${executorId}~${++formerSelves}` : undefined
    },
    close(executorId) {
      if (known === executorId) known = undefined
      return open.delete(executorId)
    },
  }
}

function closedError(operation: string, who: string): BackendUnavailableError {
  const message = `${who} has closed this backend, or never opened it; call open first`
  return new BackendUnavailableError('memory', operation, 'closed', message)
}
