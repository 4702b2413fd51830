/** A task that this process holds in memory: its record, and what is going on with it here. */

import type { EngineItem } from '../engines/engine.ts'
import type { EventTask } from '../events/lifecycle.ts'
import type {
  ContextFields,
  CancelRequest,
  LogLine,
  Progress,
  TaskSpec,
  TaskState,
} from '../task/record.ts'
import type { Level } from '../task/level.ts'
import type { Deadline } from '../task/timer-queue.ts'
import type { RunOptions } from '../task/options.ts'
import { MAX_CRASHES } from '../task/transition.ts'
import type { Registered } from './registry.ts'

/** The attempt whose body runs, as far as it concerns others. */
export interface CurrentAttempt {
  /** As the attempt began. */
  readonly state: TaskState
  /** Of the monotonic clock. */
  readonly startedAtMs: number
  /** It has its outcome; whatever the body does from now on is late. */
  readonly isOver: boolean
  /** It waits for another task, and others have its slot. */
  readonly isSlotLent: boolean
  /** It has written a line that somebody wants. */
  countLine(level: Level): void
  /** Tells the body to stop. The first reason stays. */
  abort(reason: Error): void
}

/** The write of an attempt's start, while the body runs without waiting for it. */
export interface StartBehind {
  /** Called when the store has answered it, or was given up. */
  onOver: (() => void) | undefined
}

/** What few tasks need while they wait; made when the first of it is set. */
interface Rare {
  /** Where it is not that of the state. */
  dueAt: number | undefined
  wallOffsetMs: number
  startingAtMs: number
  /** Where they are not those of the spec. */
  fields: ContextFields | undefined
  cancelRequest: CancelRequest | undefined
  failure: unknown
  startBehind: StartBehind | undefined
  expiry: Deadline | undefined
  logs: LogBuffer | undefined
  onStarted: (() => void)[] | undefined
  onDone: Set<() => void> | undefined
  placement: void | Promise<void>
  onAttemptOver: (() => void) | undefined
}

const KEEP_ALIVE = 1
const SETTLING = 2
const DONE = 4
const LOST = 8
const HAS_SLOT = 16
const LISTED = 32

// A class: one is made per task, and a hundred thousand may wait. Each word counts, so what is yes or no shares one, and what
// most of them never have is kept apart.
export class LiveTask implements EngineItem, EventTask {
  readonly spec: TaskSpec
  state: TaskState
  position: number
  readonly registered: Registered
  readonly options: RunOptions
  /** The attempt whose body runs, or runs on past its end. */
  attempt: CurrentAttempt | undefined = undefined
  /** What parsing the input would give, for the attempt that starts with the enqueue: nobody else has this object. */
  parsedInput: unknown = undefined
  /** Of the list of live tasks. */
  previousLive: LiveTask | undefined = undefined
  nextLive: LiveTask | undefined = undefined
  #flags: number
  #rare: Rare | undefined = undefined

  constructor(
    registered: Registered,
    options: RunOptions,
    spec: TaskSpec,
    state: TaskState,
    position: number,
    keepAlive: boolean,
  ) {
    this.spec = spec
    this.state = state
    this.position = position
    this.registered = registered
    this.options = options
    this.#flags = keepAlive ? KEEP_ALIVE : 0
  }

  get id(): string {
    return this.spec.id
  }
  get name(): string {
    return this.spec.name
  }
  get queue(): string {
    return this.spec.queue
  }
  get priority(): number {
    return this.spec.priority
  }
  get isSuspect(): boolean {
    return this.state.crashes > 1
  }
  get isLastChance(): boolean {
    return this.state.crashes >= MAX_CRASHES
  }

  /** Pending is due, whatever the clock of who wrote it said. */
  get isDue(): boolean {
    return this.state.status === 'pending'
  }

  get dueAt(): number {
    return this.#rare?.dueAt ?? this.state.dueAt
  }
  set dueAt(at: number) {
    if (at !== this.dueAt) this.rare().dueAt = at
  }

  /** The wall clock less the monotonic one when `dueAt` was made. */
  get wallOffsetMs(): number {
    return this.#rare?.wallOffsetMs ?? 0
  }
  set wallOffsetMs(ms: number) {
    this.rare().wallOffsetMs = ms
  }

  /** Of the monotonic clock: since when the body waits for the store to have its start; 0 when it does not wait. */
  get startingAtMs(): number {
    return this.#rare?.startingAtMs ?? 0
  }
  set startingAtMs(sinceMs: number) {
    if (sinceMs !== this.startingAtMs) this.rare().startingAtMs = sinceMs
  }

  /** The bound fields as they are now. */
  get fields(): ContextFields | undefined {
    return this.#rare?.fields ?? this.spec.context
  }
  set fields(fields: ContextFields) {
    if (fields !== this.fields) this.rare().fields = fields
  }

  get keepAlive(): boolean {
    return this.is(KEEP_ALIVE)
  }
  set keepAlive(keeps: boolean) {
    this.mark(KEEP_ALIVE, keeps)
  }

  /** True between handing a state to the store and its answer: nobody else may move the task meanwhile. */
  get isSettling(): boolean {
    return this.is(SETTLING)
  }
  set isSettling(settles: boolean) {
    this.mark(SETTLING, settles)
  }

  /** True once this process has nothing more to do with it. */
  get isDone(): boolean {
    return this.is(DONE)
  }
  set isDone(done: boolean) {
    this.mark(DONE, done)
  }

  /** True when the record went to another owner. */
  get isLost(): boolean {
    return this.is(LOST)
  }
  set isLost(lost: boolean) {
    this.mark(LOST, lost)
  }

  /** The attempt's slot was taken before the insert. */
  get hasSlot(): boolean {
    return this.is(HAS_SLOT)
  }
  set hasSlot(has: boolean) {
    this.mark(HAS_SLOT, has)
  }

  /** Whether it is in the list of live tasks. */
  get isListed(): boolean {
    return this.is(LISTED)
  }
  set isListed(listed: boolean) {
    this.mark(LISTED, listed)
  }

  /** A cancel that was asked for and not carried out yet. */
  get cancelRequest(): CancelRequest | undefined {
    return this.#rare?.cancelRequest
  }
  set cancelRequest(request: CancelRequest | undefined) {
    if (request !== undefined || this.#rare !== undefined) this.rare().cancelRequest = request
  }

  /** The original error of the latest failure. */
  get failure(): unknown {
    return this.#rare?.failure
  }
  set failure(error: unknown) {
    if (error !== undefined || this.#rare !== undefined) this.rare().failure = error
  }

  get startBehind(): StartBehind | undefined {
    return this.#rare?.startBehind
  }
  set startBehind(write: StartBehind | undefined) {
    if (write !== undefined || this.#rare !== undefined) this.rare().startBehind = write
  }

  get expiry(): Deadline | undefined {
    return this.#rare?.expiry
  }
  set expiry(deadline: Deadline | undefined) {
    this.rare().expiry = deadline
  }

  /** Log lines on their way to the store; made with the first line. */
  get logs(): LogBuffer {
    return (this.rare().logs ??= newLogBuffer())
  }
  get hasUnwrittenLogs(): boolean {
    return this.#rare?.logs?.isDirty === true
  }

  /** Who waits for its start. */
  get onStarted(): (() => void)[] | undefined {
    return this.#rare?.onStarted
  }
  set onStarted(waiting: (() => void)[] | undefined) {
    this.rare().onStarted = waiting
  }

  /** Who waits for its end. */
  get onDone(): Set<() => void> | undefined {
    return this.#rare?.onDone
  }
  set onDone(waiting: Set<() => void> | undefined) {
    this.rare().onDone = waiting
  }

  /** For the inline engine: settles when the first run is over. */
  get placement(): void | Promise<void> {
    return this.#rare?.placement
  }
  set placement(placed: void | Promise<void>) {
    if (placed !== undefined) this.rare().placement = placed
  }

  /** For the inline engine: told when an attempt has been settled. */
  get onAttemptOver(): (() => void) | undefined {
    return this.#rare?.onAttemptOver
  }
  set onAttemptOver(tell: (() => void) | undefined) {
    if (tell !== undefined || this.#rare !== undefined) this.rare().onAttemptOver = tell
  }

  private is(flag: number): boolean {
    return (this.#flags & flag) !== 0
  }

  private mark(flag: number, on: boolean): void {
    this.#flags = on ? this.#flags | flag : this.#flags & ~flag
  }

  private rare(): Rare {
    return (this.#rare ??= {
      dueAt: undefined,
      wallOffsetMs: 0,
      startingAtMs: 0,
      fields: undefined,
      cancelRequest: undefined,
      failure: undefined,
      startBehind: undefined,
      expiry: undefined,
      logs: undefined,
      onStarted: undefined,
      onDone: undefined,
      placement: undefined,
      onAttemptOver: undefined,
    })
  }
}

/** Log lines and progress on their way to the store. */
export interface LogBuffer {
  lines: LogLine[]
  /** Lines and characters stored so far, over all attempts. */
  stored: number
  bytes: number
  /** Lines left out under `fence`, and since; of these, what the store was told. */
  dropped: number
  droppedTold: number
  /** Of the last chunk. */
  fence: number
  chunk: number
  progress: Progress | undefined
  isDirty: boolean
}

function newLogBuffer(): LogBuffer {
  return {
    lines: [],
    stored: 0,
    bytes: 0,
    dropped: 0,
    droppedTold: 0,
    fence: -1,
    chunk: 0,
    progress: undefined,
    isDirty: false,
  }
}

/** Tells those who wait for the start. */
export function announceStarted(live: LiveTask): void {
  const waiting = live.onStarted
  if (waiting === undefined) return
  live.onStarted = undefined
  for (const tell of waiting) tell()
}

/** Tells those who wait for the end, and for a start that will not come, or not here. */
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
