/**
 * The observer contract: something that is told what happens. This file is the manual for authors of observers;
 * `plainsight/testing` has the conformance cases.
 *
 * An observer cannot change a task. Whatever it does (throw, reject, hang, re-enter), outcomes stay the same, and
 * what went wrong is counted and reported as `observer.error` to the other observers.
 */

import type {
  EventType,
  ExecutorEvent,
  LogEvent,
  PlainsightEvent,
  TaskEvent,
} from '../events/event.ts'
import type { LevelInput } from '../task/level.ts'
import type { Propagation } from '../task/options.ts'
import type { FailureReason } from '../task/outcome.ts'
import type { ContextFields, TaskSource } from '../task/record.ts'
import type { Headers, Tags } from '../task/tags.ts'
import type { Status } from '../task/status.ts'

/**
 * The lowest level an observer receives: one level, or rules by task name (`*` stands for any characters) and
 * by tag. Of the rules that match, the most talkative decides; `default` counts when none does, and for executor events.
 *
 * @example
 * minLevel: { default: 'info', 'billing.*': 'debug', 'tag:plan=pro': 'debug' }
 */
export type MinLevel = LevelInput | Readonly<Record<string, LevelInput>>

/** All of it is optional but a way to receive: an object with `onEvent` is an observer. */
export interface Observer {
  /** For reports and `executor.stats()`; unique per executor, numbered when it is not. Default `observer`. */
  readonly name?: string | undefined
  /** Default `info`. Nothing below it is built for this observer. */
  readonly minLevel?: MinLevel | undefined
  /** Event types wanted whatever their level. */
  readonly types?: readonly EventType[] | undefined
  /** False leaves out everything but `task.log`. Default true. */
  readonly lifecycle?: boolean | undefined

  /**
   * Receives every event that passes the filter, synchronously, in `seq` order; after the store has what it says.
   * Events are frozen plain data. Return at once: an observer that does I/O buffers. A promise, if one is returned, is not
   * waited for, but its rejection counts as a failure.
   */
  onEvent?(event: PlainsightEvent): unknown
  /** Receives `task.log` events; `onEvent`, if there is one, receives them as well. */
  onLog?(event: LogEvent): unknown
  /** Receives all other events; `onEvent`, if there is one, receives them as well. */
  onLifecycle?(event: Exclude<TaskEvent, LogEvent> | ExecutorEvent): unknown

  /** Called before the first event. What it returns is awaited for at most 5 s before any task runs. */
  start?(host?: ObserverHooks): unknown
  /** Told when its `minLevel` is replaced while it runs, for one that looks at levels itself. */
  levelChanged?(minLevel: MinLevel): unknown
  /** Delivers what is buffered. Awaited for at most 2 s. */
  flush?(): unknown
  /** Called after the last event. Awaited, with `flush`, for at most 2 s. */
  close?(): unknown
  /**
   * For one that has nowhere to send to yet: while it answers true, no event is built for it and no hook of it is called.
   * Asked when it has started, and from then on before each enqueue, attempt, poll and heartbeat until it answers anything
   * else, and never again. So it has to be quick.
   */
  isIdle?(): boolean
  /** Exact numbers of a buffering observer: they are authoritative. Events handed to it are all in one of the four. */
  counts?(): ObserverCounts

  // The three below surround the executor's own work. A hook must call `next` once, and answer what `next` gave. One that
  // does otherwise is reported and changes nothing; one that has not called `next` after 5 s is passed over, it and the
  // other hooks of its observer, for a minute. What it does after `next` holds up nobody. The first observer is outermost.

  /** Surrounds the storing of new records: fills the carrier that is stored with each. See {@link EnqueueOperation}. */
  wrapEnqueue?<T>(operation: EnqueueOperation, next: () => Promise<T>): Promise<T>
  /** Surrounds one attempt: timeout race and decision included, persisting and publishing excluded. */
  wrapRun?(run: RunOperation, next: () => Promise<RunResult>): Promise<RunResult>
  /** Surrounds the executor's own polling, heartbeats, sweeps and writes. */
  runInternal?<T>(operation: InternalOperation, next: () => T): T
}

/** What an observer is given at its start. */
export interface ObserverHooks {
  /** Says that something went wrong outside `onEvent`; becomes `observer.error`, at most one a second. */
  report(error: unknown): void
  /** What the executor has in memory now; goes through its tasks, so not for every event. Every executor gives it. */
  activity?(): TaskActivity
}

/** The tasks that an executor has in memory, by what they do, and its slots. */
export interface TaskActivity {
  readonly running: number
  /** Due, and waiting for a slot. */
  readonly queued: number
  /** Due later, after a failure. */
  readonly retrying: number
  /** Due later, otherwise. */
  readonly scheduled: number
  /** Attempts that it may run at once; `Infinity` for no limit, 0 for one that only enqueues or is closed. */
  readonly limit: number
  /** Slots taken. */
  readonly usage: number
}

/** Where the events of one observer are. `emitted = delivered + dropped + failed + queued` holds at all times. */
export interface ObserverCounts {
  /** Handed on for good. */
  readonly delivered: number
  /** Given up: the buffer was full, or the other side was away for too long. */
  readonly dropped: number
  /** The observer threw or rejected. */
  readonly failed: number
  /** Not yet decided. */
  readonly queued: number
}

/** A task that is about to be stored. */
export interface TaskDraft {
  readonly id: string
  readonly name: string
  readonly label: string | undefined
  readonly queue: string
  readonly priority: number
  readonly source: TaskSource
  readonly tags: Tags
  readonly headers: Headers
  readonly dueAt: number
  readonly createdAt: number
  readonly parentId: string | undefined
  readonly rootId: string
  readonly retryOf: string | undefined
  /** The execution option, resolved from its three layers; `undefined` when none of them says. */
  readonly propagation: Propagation | undefined
}

/** One enqueue call. `next` resolves to the handles, one per task. */
export interface EnqueueOperation {
  readonly kind: 'enqueue' | 'batch' | 'schedule'
  /** One draft, or several for `enqueueMany`. */
  readonly tasks: readonly TaskDraft[]
  /** Write trace context here before calling `next`; it is stored on every record that has none of its own. */
  readonly carrier: Record<string, string>
  /** As `carrier`, for each of `tasks` alone; one that is not empty comes before `carrier`. */
  readonly carriers: readonly Record<string, string>[]
}

/** One attempt. */
export interface RunOperation {
  readonly task: TaskDraft
  /** Zero-based. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly recoveries: number
  readonly startedAt: number
  /** The stored carrier; empty when there is none. */
  readonly carrier: Readonly<Record<string, string>>
  /** What a hook wrote into `attemptCarrier` in the attempt before this one; absent when that died with its process. */
  readonly previousCarrier: Readonly<Record<string, string>> | undefined
  /** Write the trace context of this attempt here before calling `next`; it is stored with the attempt's end. */
  readonly attemptCarrier: Record<string, string>
  readonly context: ContextFields | undefined
  readonly signal: AbortSignal
}

/** How an attempt ended, and what that makes of the task. */
export interface RunResult {
  readonly outcome: 'success' | 'failure' | 'cancel' | 'interrupt'
  /** The status that the record is about to get. */
  readonly status: Status
  readonly reason?: FailureReason | (string & {}) | undefined
  /** Epoch milliseconds of the next attempt, when there will be one. */
  readonly retryAt?: number | undefined
  readonly durationMs: number
  /** The original error, here in the process that ran it. */
  readonly error?: unknown
  /** True when the definition expects this error. */
  readonly expected?: boolean | undefined
}

export type InternalOperation = 'poll' | 'heartbeat' | 'sweep' | 'persist'
