/** What the parts of one executor share. Assembled once in executor.ts; the parts are functions over it. */

import type { Backend, Owner } from '../backends/backend.ts'
import type { BaseContext } from '../context/scope.ts'
import type { LogFloor } from '../context/fallback-logger.ts'
import type { Engine } from '../engines/engine.ts'
import type { Bus } from '../events/bus.ts'
import type { EventOrigin } from '../events/lifecycle.ts'
import type { Observer } from '../observers/observer.ts'
import type { AroundHost } from './around.ts'
import type { Clock } from '../task/clock.ts'
import type { CancelOptions, EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import type { StoredRecord, TaskState } from '../task/record.ts'
import type { Task } from '../task/run-context.ts'
import type { TaskRecord } from '../task/task-record.ts'
import type { TimerQueue } from '../task/timer-queue.ts'
import type { LiveTask } from './live-task.ts'
import type { LiveTasks } from './live-tasks.ts'
import type { LoopWatch } from './loop-watch.ts'
import type { ResolvedExecutorOptions } from './options.ts'
import type { Registry } from './registry.ts'
import type { StoreCalls } from './store-calls.ts'
import type { Tally } from './tally.ts'
import type { TurnWrites } from './turn-writes.ts'
import type { WallClock } from './wall-clock.ts'
import type { TakenOver, Window } from './window.ts'

/** `open`: takes work; `closing`: children only; `closed`: nothing. */
export type Phase = 'new' | 'starting' | 'open' | 'closing' | 'closed'

/** The around-hooks of the attached observers, by kind; empty lists cost nothing. */
export interface AroundObservers {
  readonly wrapEnqueue: readonly Observer[]
  readonly wrapRun: readonly Observer[]
  readonly runInternal: readonly Observer[]
}

export interface Core {
  readonly id: string
  readonly storeCalls: StoreCalls
  /** What the tasks of this turn have to tell the store. */
  readonly turnWrites: TurnWrites
  readonly options: ResolvedExecutorOptions
  readonly clock: Clock
  readonly wall: WallClock
  readonly random: () => number
  readonly newId: (now: number) => string
  readonly backend: Backend
  readonly engine: Engine<LiveTask>
  readonly registry: Registry
  readonly bus: Bus
  readonly origin: EventOrigin
  readonly base: BaseContext
  readonly timers: TimerQueue
  /** Lines below this rank are wanted neither by an observer nor by the store. */
  readonly logFloor: LogFloor
  /** Tasks in memory here. */
  readonly live: LiveTasks
  readonly tally: Tally
  /** Finds out who blocks the event loop. */
  readonly loopWatch: LoopWatch
  /** The longest that the event loop has stood still since an instant of the monotonic clock; absent when nobody measures it. */
  loopDelaySince?: ((sinceMs: number) => number) | undefined
  phase: Phase
  /** Whether the store is no longer waited for. */
  readonly isClosed: () => boolean
  /** True from the moment shutdown aborts the bodies. */
  isAborting: boolean
  around: AroundObservers
  /** Attaches observers that were idle and no longer are; absent when none is idle. */
  wakeObservers?: (() => void) | undefined
  concurrency: number
  /** Inserts without a slot that the store has not answered yet: nobody may overtake them. */
  unplacedInserts: number
  /** Hooks of users that are still running. */
  readonly hooksRunning: Set<{ readonly isShielded: boolean }>
  /** To be called for each task that has ended here: retention goes by it. */
  finished(): void
  /** Told when a task has ended here, or was given up. */
  readonly onIdle: Set<() => void>
  readonly onRoom: Set<() => void>
  /** Told when the executor is closed: nobody waits any longer for the store, or for a time to come. */
  readonly onClosed: Set<() => void>
  /** How many wait for a record that is not in this process's memory. */
  watching: number
  /** Inserts that the store has not answered yet. */
  inserting: number
  /** Reports a failing store, rate-limited. */
  reportBackendError(operation: string, error: unknown): void
  readonly aroundHost: AroundHost
  /** What may wait here before enqueue is refused. */
  readonly maxQueued: number
  /** Set when a call that gives records was rejected: some may be ours without our having heard of it. */
  mayOwnUnheard: boolean
  /** Paused by the user. */
  isPaused: boolean
  /** The store has not answered for longer than the lease lasts: nothing new starts until it does. */
  isPastLease: boolean
  /** On the monotonic clock: from here on others may have taken what is ours, unless a beat is answered. */
  leaseEndsMs: number
  /** Registers anew with a store that has given our records away. Rejects when the store does. */
  renewLease(): Promise<void>
  /** Which of the waiting tasks are in memory. */
  window: Window
  /** Begins the attempt of a task that has a slot and whose record says running: soon, in the base context. */
  startSoon(live: LiveTask): void
  /** Hands a task that waits to the engine, or ends it: it was cancelled meanwhile, or has expired. */
  place(live: LiveTask): void | Promise<void>
  /** Takes in a record that the store has given to this executor. */
  takeOver(stored: StoredRecord): Promise<TakenOver>
  /** Ends a record that was just claimed, without placing it. */
  endUnplaced(stored: StoredRecord, next: TaskState): Promise<boolean>
  getRecord(id: string): Promise<TaskRecord | undefined>
  childrenOf(id: string): Promise<TaskRecord[]>
  cancel(id: string, options?: CancelOptions): Promise<boolean>
  enqueueChild(task: Task, input: unknown, options: EnqueueOptions | undefined): Promise<TaskHandle>
}

/** This executor as the writer of a call made now. */
export function ownerNow(core: Core): Owner {
  return { executorId: core.id, now: core.clock.now() }
}
