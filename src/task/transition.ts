/** The state machine: what becomes of a record when something happens to it. Pure. */

import {
  attemptOf,
  latestAttempt,
  MAX_HISTORY,
  type AttemptRecord,
  type TaskSpec,
  type TaskState,
} from './record.ts'
import type { InterruptOutcome, FailureOutcome, Outcome } from './outcome.ts'
import { serializeError } from './serialized-error.ts'
import { isTerminal } from './status.ts'

/** More recoveries than this from crashes end a task as `failed` with reason `crash_loop`. */
export const MAX_CRASHES = 3

/**
 * The state after `outcome` at `now` (epoch milliseconds), following the table in status.ts.
 *
 * Answers `state` itself, the same object, when the table has no such step: a terminal state never changes.
 * Retry budget: another attempt is due while `attempt − recoveries < retries`, unless the outcome forbids it.
 */
export function transition(
  spec: TaskSpec,
  state: TaskState,
  outcome: Outcome,
  now: number,
): TaskState {
  const { status } = state
  switch (outcome.type) {
    case 'due':
      return status === 'scheduled' || status === 'retrying'
        ? { ...state, status: 'pending' }
        : state
    case 'start':
      return status === 'pending' ? startOf(state, now) : state
    case 'success':
      return status === 'running'
        ? {
            ...state,
            status: 'succeeded',
            owner: null,
            endedAt: now,
            durationMs: outcome.durationMs,
            resultJson: outcome.resultJson,
            resultError: outcome.resultError,
            error: undefined,
            reason: undefined,
            facts: outcome.facts,
          }
        : state
    case 'failure':
      return status === 'running' || status === 'pending'
        ? afterFailure(spec, state, outcome, now)
        : state
    case 'cancel':
      if (isTerminal(status)) return state
      return {
        ...state,
        status: 'cancelled',
        owner: null,
        endedAt: now,
        durationMs: durationOf(state, outcome),
        reason: outcome.reason,
        cancelledBy: outcome.by,
        facts: outcome.facts ?? state.facts,
        attemptEnd: attemptEndOf(state),
      }
    case 'interrupt':
      return isTerminal(status) ? state : afterInterrupt(spec, state, outcome, now)
    case 'expire':
      return isTerminal(status) || status === 'running'
        ? state
        : {
            ...state,
            status: 'expired',
            owner: null,
            endedAt: now,
            reason: undefined,
            attemptEnd: attemptEndOf(state),
          }
  }
}

// A duration is of the attempt that ended: of one that was cut off elsewhere none is known, nor is it that of the one before.
function durationOf(
  state: TaskState,
  outcome: { readonly durationMs?: number | undefined },
): number | undefined {
  return state.status === 'running' ? outcome.durationMs : state.durationMs
}

// A task that ends between attempts gets a reason of its own, which is not that of its latest attempt.
function attemptEndOf(state: TaskState): TaskState['attemptEnd'] {
  if (state.status === 'running') return undefined
  const latest = latestAttempt(state)
  return latest === undefined ? undefined : { outcome: latest.outcome, reason: latest.reason }
}

function startOf(state: TaskState, now: number): TaskState {
  const waitMs = now - state.dueAt
  return {
    ...state,
    status: 'running',
    fence: state.fence + 1,
    starts: state.starts + 1,
    startedAt: now,
    waitMs: waitMs > 0 ? waitMs : 0,
    attemptEndedAt: undefined,
    worker: state.owner ?? undefined,
    facts: undefined,
    history: withLatest(state),
  }
}

// The attempt before becomes history when the next one starts: until then the state itself says how it ended.
function withLatest(state: TaskState): readonly AttemptRecord[] | undefined {
  const latest = latestAttempt(state)
  return latest === undefined
    ? state.history
    : [...(state.history ?? []), latest].slice(-MAX_HISTORY)
}

function afterFailure(
  spec: TaskSpec,
  state: TaskState,
  outcome: FailureOutcome,
  now: number,
): TaskState {
  const { error, reason, durationMs, retryDelayMs } = outcome
  const facts = outcome.facts ?? state.facts
  const mayRetry = state.status === 'running' && retryDelayMs !== undefined
  if (mayRetry && attemptOf(state) - state.recoveries < spec.retries) {
    return {
      ...state,
      status: 'retrying',
      dueAt: now + retryDelayMs,
      attemptEndedAt: now,
      durationMs,
      error,
      reason,
      facts,
    }
  }
  return { ...state, status: 'failed', owner: null, endedAt: now, durationMs, error, reason, facts }
}

function afterInterrupt(
  spec: TaskSpec,
  state: TaskState,
  outcome: InterruptOutcome,
  now: number,
): TaskState {
  const { reason } = outcome
  const durationMs = durationOf(state, outcome)
  const facts = outcome.facts ?? state.facts
  const attemptEnd = attemptEndOf(state)
  const ended = { ...state, owner: null, endedAt: now, durationMs, reason, facts, attemptEnd }
  const requeue = state.status === 'running' && (outcome.requeue ?? true) && spec.requeueOnInterrupt
  if (!requeue) return { ...ended, status: 'interrupted' }
  const crashes = reason === 'shutdown' ? state.crashes : state.crashes + 1
  if (crashes > MAX_CRASHES) {
    const error = serializeError(crashLoopError(spec.name, crashes))
    return { ...ended, status: 'failed', crashes, error, reason: 'crash_loop' }
  }
  return {
    ...state,
    status: 'pending',
    recoveries: state.recoveries + 1,
    crashes,
    dueAt: now,
    attemptEndedAt: now,
    durationMs,
    reason,
    facts,
  }
}

function crashLoopError(name: string, crashes: number): Error {
  const error = new Error(
    `task "${name}" was running in ${crashes} processes that died; it is not started again`,
  )
  error.name = 'CrashLoopError'
  // Built here, not thrown by the task: its stack would name only the library.
  error.stack = ''
  return error
}
