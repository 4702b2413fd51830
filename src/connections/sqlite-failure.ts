/** What SQLite's error codes mean to the executor, and what its user can do about them. */

import { BackendUnavailableError, type BackendErrorReason } from '../task/errors.ts'
import { refusalsOf, type Refuse } from './refusal.ts'

/** Primary result codes; an extended code holds its primary one in the low byte. Source: sqlite.org/rescode.html */
const BUSY = 5
const REASONS: Readonly<Record<number, BackendErrorReason>> = {
  [BUSY]: 'busy',
  6: 'busy',
  8: 'read_only',
  10: 'io',
  11: 'corrupt',
  13: 'full',
  14: 'cannot_open',
  26: 'not_a_database',
}

const ADVICE: Readonly<Partial<Record<BackendErrorReason, string>>> = {
  busy: 'another process has held the write lock for too long; look for a long transaction or a second copy of the program',
  read_only:
    'the database cannot be written to; check the permissions of the file and of its directory',
  io: 'reading or writing the file failed; check that it still exists, and the disk and its mount',
  corrupt: 'the database is damaged; stop the program and restore the file from a backup',
  full: 'the disk or its quota is full; free some space, then work goes on',
  cannot_open:
    'it, or a file beside it, cannot be opened; check that its directory exists and may be written to',
  not_a_database: 'the file is not a SQLite database; choose another path',
  unknown: 'see the cause; if it comes again, check the file with PRAGMA integrity_check',
}

/** The error that says why `operation` on the database at `path` failed. One of ours stays as it is. */
export function unavailable(
  error: unknown,
  operation: string,
  path: string,
): BackendUnavailableError {
  if (error instanceof BackendUnavailableError) return error
  const reason = reasonOf(error)
  const text = error instanceof Error ? error.message : String(error)
  const advice = ADVICE[reason]
  const message = advice === undefined ? `${path}: ${text}` : `${path}: ${text}; ${advice}`
  return refusal(reason, operation, message, error)
}

export const refusal: Refuse = refusalsOf('sqlite')

/** Whether somebody else holds a lock: the same call may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  return reasonOf(error) === 'busy'
}

/** Whether it is about what was to be written, or who wrote it, and not about the database. */
export function isOfOneCall(error: unknown): boolean {
  if (!(error instanceof BackendUnavailableError)) return false
  return error.reason === 'unknown' || error.reason === 'lease_lost'
}

function reasonOf(error: unknown): BackendErrorReason {
  const code =
    typeof error === 'object' && error !== null
      ? (error as { errcode?: unknown }).errcode
      : undefined
  return typeof code === 'number' ? (REASONS[code & 0xff] ?? 'unknown') : 'unknown'
}
