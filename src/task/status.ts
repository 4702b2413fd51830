/** The statuses of a record, and the table of how one becomes another. */

/**
 * Where a task is:
 * - `scheduled`: accepted, due later; `pending`: due, waiting for a slot; `running`: an attempt may have begun;
 * - `retrying`: an attempt failed, the next is due later;
 * - `succeeded`, `failed`, `cancelled`, `interrupted`, `expired`: terminal, never changes again.
 */
export type Status =
  | 'scheduled'
  | 'pending'
  | 'running'
  | 'retrying'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'interrupted'
  | 'expired'

/** The five statuses that never change. */
export type TerminalStatus = 'succeeded' | 'failed' | 'cancelled' | 'interrupted' | 'expired'

export const STATUSES: readonly Status[] = [
  'scheduled',
  'pending',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'cancelled',
  'interrupted',
  'expired',
]

/** Whether `status` never changes any more; false for anything that is no status. */
export function isTerminal(status: Status): status is TerminalStatus {
  switch (status) {
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'interrupted':
    case 'expired':
      return true
    case 'scheduled':
    case 'pending':
    case 'running':
    case 'retrying':
      return false
  }
  return false
}

/**
 * The state machine: for each status and outcome, what can come of it. An outcome that is not listed
 * changes nothing. `transition` follows this table; tests hold the two together.
 *
 * | from | due | start | success | failure | cancel | interrupt | expire |
 * |---|---|---|---|---|---|---|---|
 * | scheduled | pending | – | – | – | cancelled | interrupted | expired |
 * | pending | – | running | – | failed (cannot run) | cancelled | interrupted | expired |
 * | running | – | – | succeeded | retrying, failed | cancelled | pending, interrupted, failed (crash loop) | – |
 * | retrying | pending | – | – | – | cancelled | interrupted | expired |
 */
export const TRANSITIONS: Readonly<
  Record<Status, Readonly<Partial<Record<OutcomeType, readonly Status[]>>>>
> = {
  scheduled: {
    due: ['pending'],
    cancel: ['cancelled'],
    interrupt: ['interrupted'],
    expire: ['expired'],
  },
  pending: {
    start: ['running'],
    failure: ['failed'],
    cancel: ['cancelled'],
    interrupt: ['interrupted'],
    expire: ['expired'],
  },
  running: {
    success: ['succeeded'],
    failure: ['retrying', 'failed'],
    cancel: ['cancelled'],
    interrupt: ['pending', 'interrupted', 'failed'],
  },
  retrying: {
    due: ['pending'],
    cancel: ['cancelled'],
    interrupt: ['interrupted'],
    expire: ['expired'],
  },
  succeeded: {},
  failed: {},
  cancelled: {},
  interrupted: {},
  expired: {},
}

/** What can happen to a record; {@link Outcome} carries the facts. */
export type OutcomeType =
  | 'due'
  | 'start'
  | 'success'
  | 'failure'
  | 'cancel'
  | 'interrupt'
  | 'expire'
