/**
 * What every record begins as a copy of. Where literals of their own live long, V8 makes all later ones in the old generation,
 * and each record that goes waits for a full collection; copies it never does.
 */

import type { TaskSpec, TaskState } from '../task/record.ts'
import { transition } from '../task/transition.ts'

/**
 * An instant is more than V8 keeps in a word: it has a box. A field that began as a number gives each object a box of its
 * own; in one that began as something else they share the box that they are given.
 */
const NO_TIME = undefined as unknown as number
const latestTime = { is: NO_TIME }

/** `now`, in the box of all that is enqueued in this millisecond. */
export function sharedTime(now: number): number {
  if (latestTime.is !== now) latestTime.is = now
  return latestTime.is
}

/** Of the usual enqueue: without options, outside any task and context. */
export const EMPTY_SPEC: TaskSpec = {
  id: '',
  name: '',
  queue: '',
  priority: 0,
  source: 'api',
  tags: {},
  headers: {},
  inputJson: undefined,
  createdAt: NO_TIME,
  retries: 0,
  requeueOnInterrupt: false,
  shield: false,
  rootId: '',
}

/** With room for what the others have; written out, for what is added to a copy lies in an object of its own. */
export const FULL_SPEC: TaskSpec = {
  id: '',
  name: '',
  queue: '',
  priority: 0,
  source: 'api',
  tags: {},
  headers: {},
  inputJson: undefined,
  createdAt: NO_TIME,
  retries: 0,
  requeueOnInterrupt: false,
  shield: false,
  rootId: '',
  label: undefined,
  expiresAt: undefined,
  parentId: undefined,
  retryOf: undefined,
  idempotencyKey: undefined,
  traceContext: undefined,
  context: undefined,
  options: undefined,
  localOptions: undefined,
}

const FIRST_STATE: TaskState = {
  status: 'pending',
  owner: null,
  fence: 0,
  starts: 0,
  recoveries: 0,
  crashes: 0,
  dueAt: 0,
  startedAt: undefined,
  endedAt: undefined,
  waitMs: undefined,
  durationMs: undefined,
  resultJson: undefined,
  resultError: undefined,
  error: undefined,
  reason: undefined,
  cancelledBy: undefined,
  hold: undefined,
  attemptEndedAt: undefined,
  worker: undefined,
  facts: undefined,
  history: undefined,
}

// States are values: what is enqueued in one millisecond shares them, and a task that waits has none of its own.
let latest = FIRST_STATE
let latestStarted = FIRST_STATE

/** The state in which a record is made. */
export function firstState(
  status: 'scheduled' | 'pending',
  owner: string | null,
  dueAt: number,
): TaskState {
  if (latest.dueAt !== dueAt || latest.owner !== owner || latest.status !== status) {
    latestStarted = FIRST_STATE
    latest = { ...FIRST_STATE, status, owner, dueAt }
  }
  return latest
}

/** What `transition` makes of a first state when the record is started with its insert, at `now`. */
export function startedState(spec: TaskSpec, first: TaskState, now: number): TaskState {
  if (first !== latest) return transition(spec, first, { type: 'start' }, now)
  if (latestStarted.startedAt !== now)
    latestStarted = transition(spec, first, { type: 'start' }, now)
  return latestStarted
}
