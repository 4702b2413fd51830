/** A task that this process holds in memory: its record, and what is going on with it here. */

import type { EngineItem } from '../engines/engine.ts'
import type { EventTask } from '../events/lifecycle.ts'
import type { ContextFields, CancelRequest, LogLine, Progress, TaskSpec, TaskState } from '../task/record.ts'
import type { Deadline } from '../task/timer-queue.ts'
import type { RunOptions } from '../task/options.ts'
import type { Registered } from './registry.ts'
import type { RunningAttempt } from './running-attempt.ts'

export interface LiveTask extends EngineItem, EventTask {
  readonly spec: TaskSpec
  state: TaskState
  position: number
  dueAt: number
  keepAlive: boolean
  fields: ContextFields | undefined
  readonly registered: Registered
  readonly options: RunOptions
  /** The attempt whose body runs, or runs on past its end. */
  attempt: RunningAttempt | undefined
  /** A cancel that was asked for and not carried out yet. */
  cancelRequest: CancelRequest | undefined
  /** The original error of the latest failure. */
  failure: unknown
  /** True between handing a state to the store and its answer: nobody else may move the task meanwhile. */
  isSettling: boolean
  /** True once this process has nothing more to do with it. */
  isDone: boolean
  /** True when the record went to another owner. */
  isLost: boolean
  expiry: Deadline | undefined
  readonly logs: LogBuffer
  /** What waits for its start and its end; made when somebody waits. */
  onStarted: (() => void)[] | undefined
  onDone: (() => void)[] | undefined
  /** The attempt's slot was taken before the insert. */
  hasSlot: boolean
  /** For the inline engine: settles when the first run is over. */
  placement: void | Promise<void>
  /** For the inline engine: told when an attempt has been settled. */
  onAttemptOver: (() => void) | undefined
}

/** Log lines and progress on their way to the store. */
export interface LogBuffer {
  lines: LogLine[]
  /** Lines and characters stored so far, over all attempts in this process. */
  stored: number
  bytes: number
  dropped: number
  chunk: number
  progress: Progress | undefined
  isDirty: boolean
}

const NO_LINES: LogLine[] = []

export function liveTask(
  registered: Registered,
  options: RunOptions,
  spec: TaskSpec,
  state: TaskState,
  position: number,
  keepAlive: boolean,
): LiveTask {
  return {
    id: spec.id,
    name: spec.name,
    queue: spec.queue,
    priority: spec.priority,
    position,
    dueAt: state.dueAt,
    keepAlive,
    spec,
    state,
    fields: spec.context,
    registered,
    options,
    attempt: undefined,
    cancelRequest: undefined,
    failure: undefined,
    isSettling: false,
    isDone: false,
    isLost: false,
    expiry: undefined,
    logs: { lines: NO_LINES, stored: 0, bytes: 0, dropped: 0, chunk: 0, progress: undefined, isDirty: false },
    onStarted: undefined,
    onDone: undefined,
    hasSlot: false,
    placement: undefined,
    onAttemptOver: undefined,
  }
}

/** Tells those who wait for the start. */
export function announceStarted(live: LiveTask): void {
  const waiting = live.onStarted
  if (waiting === undefined) return
  live.onStarted = undefined
  for (const tell of waiting) tell()
}

/** Tells those who wait for the end (and for a start that will not come). */
export function announceDone(live: LiveTask): void {
  live.isDone = true
  announceStarted(live)
  const tellEngine = live.onAttemptOver
  live.onAttemptOver = undefined
  tellEngine?.()
  const waiting = live.onDone
  if (waiting === undefined) return
  live.onDone = undefined
  for (const tell of waiting) tell()
}
