/** `createExecutor`: assembles the parts; the public face of all of them. */

import type { Backend } from '../backends/backend.ts'
import { addLogFloor, refreshFloor } from '../context/fallback-logger.ts'
import { captureBaseContext, currentScope } from '../context/scope.ts'
import type { Engine } from '../engines/engine.ts'
import { createBus, subscriberName, type EventSource } from '../events/bus.ts'
import * as lifecycle from '../events/lifecycle.ts'
import type { Observer } from '../observers/observer.ts'
import { checkConcurrency } from '../task/definition.ts'
import type { CancelOptions, EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import { ExecutorClosedError, InvalidOptionsError } from '../task/errors.ts'
import { jsonCopy } from '../task/json.ts'
import type { InputArguments, Task } from '../task/run-context.ts'
import type { Status } from '../task/status.ts'
import type { TaskRecord } from '../task/task-record.ts'
import { createTimerQueue } from '../task/timer-queue.ts'
import { createAttempts } from './attempt.ts'
import { createBackendErrors } from './backend-errors.ts'
import { cancelTask, retryTask, type RetryOptions } from './control.ts'
import { ownerNow, type Core } from './core.ts'
import { createEnqueuer, readRequests, type EnqueueRequest } from './enqueue.ts'
import { fallbackObserver } from './fallback-observer.ts'
import type { LiveTask } from './live-task.ts'
import { createLiveTasks } from './live-tasks.ts'
import { createLogStore } from './log-store.ts'
import { checkObserver, createObserverHost, type Observation } from './observer-host.ts'
import { checkedIds, resolveExecutorOptions, type ExecutorOptions } from './options.ts'
import { endUnplaced, placeTask, takeOverRecord } from './placement.ts'
import { callStore } from './persist.ts'
import { childrenOf, getRecord, listRecords, type ListQuery, type RecordPage } from './queries.ts'
import { createRegistry } from './registry.ts'
import { retryFailed, type RetryFailedOptions } from './retry-failed.ts'
import { checkCloseOptions, shutDown, type CloseOptions } from './shutdown.ts'
import { closeOnSignals } from './signals.ts'
import { createStarter } from './starter.ts'
import { createStoreCalls } from './store-calls.ts'
import { executorStats, type ExecutorStats } from './stats.ts'
import { systemClock } from './system-clock.ts'
import { createUpkeep } from './upkeep.ts'
import { uuidV7 } from './uuid.ts'
import { waitUntilIdle, type DrainOptions } from './drain.ts'

/** Retention is looked after at least once per so many ended tasks. */
const SWEEP_AFTER_FINISHED = 256

/** What the door hands in: the parts that an executor has unless it is given others. */
export interface DefaultParts {
  backend(): Backend
  engine(): Engine
}

/** One item of `enqueueMany`. */
export interface EnqueueItem {
  readonly task: Task | string
  readonly input?: unknown
  readonly options?: EnqueueOptions
}

/** Runs tasks, and answers for their records. */
export interface Executor {
  readonly id: string
  /**
   * Opens the store, starts the observers, takes over what dead executors left. `enqueue` calls it too. Idempotent.
   *
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store cannot be opened; it may be called again
   * @throws {ExecutorClosedError} EXECUTOR_CLOSED after `close`
   */
  start(): Promise<void>
  /**
   * Accepts one piece of work: resolves once its record is durable, before or while it runs.
   *
   * @throws {InputInvalidError} INPUT_INVALID when the schema refuses the input; nothing is stored in this and all cases below
   * @throws {NotSerializableError} NOT_SERIALIZABLE when JSON would change the input
   * @throws {InvalidOptionsError} INVALID_OPTIONS for a wrong option
   * @throws {UnknownTaskError} UNKNOWN_TASK when the task is not registered here
   * @throws {DuplicateTaskError} DUPLICATE_TASK when `id` exists
   * @throws {IdempotencyMismatchError} IDEMPOTENCY_MISMATCH when the key belongs to another input
   * @throws {QueueFullError} QUEUE_FULL at `maxQueued`
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when the store is away; the record may exist, and then runs
   * @throws {ExecutorClosedError} EXECUTOR_CLOSED from `close` on; children of running tasks excepted while closing
   */
  // By name first: for a wrong input the compiler explains the last overload.
  enqueue(name: string, input?: unknown, options?: EnqueueOptions): Promise<TaskHandle>
  enqueue<Input, Output>(
    task: Task<Input, Output>,
    ...rest: InputArguments<NoInfer<Input>>
  ): Promise<TaskHandle<Output>>
  /** Accepts several, in one transaction: all or none. Answers in order. Throws as `enqueue`. */
  enqueueMany(items: readonly EnqueueItem[]): Promise<TaskHandle[]>
  /** The record of this id with its logs; `undefined` when there is none. */
  get(id: string): Promise<TaskRecord | undefined>
  /** A page of records, newest first. */
  list(query?: ListQuery): Promise<RecordPage>
  /** How many records the store has in each status. */
  counts(): Promise<Readonly<Record<Status, number>>>
  stats(): ExecutorStats
  /**
   * Cancels a task: one that waits never runs; a running one is told by `signal`, and is cancelled unless its
   * body still resolves within 5 s. Answers true when it is cancelled or was asked to; false when it has ended otherwise
   * or does not exist. Idempotent.
   */
  cancel(id: string, options?: CancelOptions): Promise<boolean>
  /**
   * Enqueues an ended task's work again, as a new record with `retryOf`.
   *
   * @throws {ResultUnavailableError} RESULT_UNAVAILABLE when there is no such record
   * @throws {DuplicateTaskError} DUPLICATE_TASK when it was retried already and `force` is not given
   */
  retry(id: string, options?: RetryOptions): Promise<TaskHandle>
  /** Retries failed tasks that were not retried yet, oldest first; never the same failure twice. */
  retryFailed(options?: RetryFailedOptions): Promise<TaskHandle[]>
  /** Adds a task while running. */
  register(task: Task): void
  /** Starts nothing more until `resume`; running tasks go on, and work is still accepted. */
  pause(): void
  resume(): void
  /** Slots from now on; running attempts go on. */
  setConcurrency(concurrency: number): void
  /** Attaches an observer while running; call the answer to detach, flush and close it. */
  observe(observer: Observer): Observation
  /** Subscriptions by event name. */
  readonly events: EventSource
  /** Settles when nothing is pending, running or retrying here. Tasks scheduled for later are not waited for. */
  drain(options?: DrainOptions): Promise<void>
  /**
   * Closes: stops starting, waits for running tasks, aborts and settles the rest, gives up what waits, closes
   * observers and store. Settles within max(grace, shieldGrace) + 3 s, and never rejects but for a wrong `grace`. Idempotent.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** @throws {InvalidOptionsError} INVALID_OPTIONS @throws {DuplicateTaskError} DUPLICATE_TASK */
export function assembleExecutor(options: ExecutorOptions, parts: DefaultParts): Executor {
  const checked = resolveExecutorOptions(options)
  const registry = createRegistry(checked.defaults, checked.work)
  for (const task of checked.tasks) registry.register(task)
  const clock = options.clock ?? systemClock
  const backend = options.backend ?? parts.backend()
  const engine = (options.engine ?? parts.engine()) as Engine<LiveTask>
  const newId = options.newId === undefined ? uuidV7 : checkedIds(options.newId)
  const id = checked.id ?? uuidV7(clock.now())
  const base = captureBaseContext()
  const timers = createTimerQueue(clock, (fire) => base.run(fire))
  const origin = { executorId: id, seq: 0 }
  const logFloor = { rank: checked.logFloor }
  const bus = createBus(
    (type, error) => observers.reportFault(subscriberName(type), error),
    () => {
      logFloor.rank = Math.min(checked.logFloor, bus?.logFloor ?? checked.logFloor)
      refreshFloor()
    },
  )
  const observers = createObserverHost(bus, origin, clock, timers, (around) => {
    core.around = around
  })
  // Checked when the executor is made, before it leaves a trace; they start with it.
  const given = [...(checked.observers ?? [fallbackObserver()])]
  for (const observer of given) checkObserver(observer)
  const removeLogFloor = addLogFloor(logFloor)
  const starts = createStarter(base, (live) => attempts.begin(live))
  let finished = 0

  const core: Core = {
    id,
    storeCalls: createStoreCalls(clock, timers),
    options: checked,
    clock,
    random: options.random ?? Math.random,
    newId,
    backend,
    engine,
    registry,
    bus,
    origin,
    base,
    timers,
    logFloor,
    live: createLiveTasks(),
    phase: 'new',
    isClosed: () => core.phase === 'closed',
    isAborting: false,
    mayOwnUnheard: false,
    isPaused: false,
    around: { wrapEnqueue: [], wrapRun: [], runInternal: [] },
    aroundHost: {
      timers,
      passedOver: new Set(),
      report: (observer, hook, error) => observers.reportHookFault(observer, hook, error),
    },
    concurrency: checked.concurrency,
    maxQueued: checked.maxQueued ?? backend.capabilities.maxQueued,
    unplacedInserts: 0,
    hooksRunning: new Set(),
    onIdle: new Set(),
    onRoom: new Set(),
    onClosed: new Set(),
    inserting: 0,
    finished() {
      finished += 1
      if (finished % SWEEP_AFTER_FINISHED === 0) upkeep.sweep()
    },
    reportBackendError: createBackendErrors(bus, origin, clock, timers),
    startSoon: starts.begin,
    place: (live) => placeTask(core, attempts, live),
    takeOver: (stored) => takeOverRecord(core, attempts, stored),
    endUnplaced: (stored, next) => endUnplaced(core, attempts, stored, next),
    getRecord: (taskId) => getRecord(core, taskId),
    childrenOf: (taskId) => childrenOf(core, taskId),
    cancel: (taskId, cancelOptions) => executor.cancel(taskId, cancelOptions),
    enqueueChild: (task, input, enqueueOptions) =>
      enqueue({ task, input, options: enqueueOptions }),
  }
  const logStore = createLogStore(core)
  const attempts = createAttempts(core, logStore)
  const enqueuer = createEnqueuer(core, attempts)
  const upkeep = createUpkeep(core, attempts)
  let starting: Promise<void> | undefined
  let closing: Promise<void> | undefined
  let stopSignals: (() => void) | undefined

  engine.start({
    clock,
    timers,
    concurrency: () => core.concurrency,
    taskConcurrency: (name) => registry.get(name)?.concurrency ?? Infinity,
    defer: starts.defer,
    run(live) {
      if (engine.awaitsRuns !== true) {
        attempts.run(live)
        return
      }
      return new Promise((resolve) => {
        live.onAttemptOver = resolve
        base.run(() => attempts.run(live))
      })
    },
  })

  function start(): Promise<void> {
    if (closing !== undefined) return Promise.reject(new ExecutorClosedError('start'))
    starting ??= base
      .run(() => open())
      .catch((error: unknown) => {
        starting = undefined
        if (core.phase === 'starting') core.phase = 'new'
        throw error
      })
    return starting
  }

  async function open(): Promise<void> {
    core.phase = 'starting'
    await callStore(core, 'persist', 'open', () => openStore())
    for (const observer of given.splice(0)) observers.observe(observer)
    await observers.started()
    const recovered = core.options.work
      ? await upkeep.recover()
      : { claimed: 0, requeued: 0, interrupted: 0, failed: 0 }
    // Closed meanwhile, without waiting for this.
    if (core.phase !== 'starting') return
    core.phase = 'open'
    const fields = { backend: backend.name, engine: engine.name, recovered }
    if (bus.wanted['executor.started']) {
      bus.publish(lifecycle.executorEvent(origin, 'executor.started', clock.now(), fields))
    }
    upkeep.begin()
    if (checked.signalGrace !== undefined)
      stopSignals = closeOnSignals(() => close({ grace: checked.signalGrace ?? '10s' }))
  }

  async function openStore(): Promise<void> {
    await backend.open(ownerNow(core))
    // Too late: nobody would close it.
    if (core.phase === 'closed') await backend.close(ownerNow(core))
  }

  function enqueue(request: EnqueueRequest): Promise<TaskHandle> {
    if (core.phase === 'open') return enqueuer.one(request)
    if (mayEnqueueWhileClosing()) return enqueuer.one(request)
    if (closing !== undefined) return Promise.reject(new ExecutorClosedError('enqueue'))
    // The input as it is now: the caller may go on changing it while the store opens.
    const input = jsonCopy(request.input)
    return start().then(() => enqueue({ ...request, input }))
  }

  // Children are accepted until the bodies are told to stop, so that a task can finish what it has begun.
  function mayEnqueueWhileClosing(): boolean {
    return core.phase === 'closing' && !core.isAborting && currentScope()?.attempt !== undefined
  }

  async function ready(operation: string): Promise<void> {
    if (core.phase === 'open' || core.phase === 'closing') return
    if (closing !== undefined) throw new ExecutorClosedError(operation)
    await start()
  }

  function close(closeOptions: CloseOptions = {}): Promise<void> {
    try {
      checkCloseOptions(closeOptions)
    } catch (error) {
      // Not closing yet: it can be closed with a grace that is right.
      return Promise.reject(error)
    }
    closing ??= base.run(async () => {
      const started = starting?.catch(() => {})
      await shutDown(core, attempts, observers, upkeep, closeOptions, started, () =>
        stopSignals?.(),
      )
      removeLogFloor()
    })
    return closing
  }

  const executor: Executor = {
    id,
    start,
    enqueue: (task: unknown, input?: unknown, enqueueOptions?: EnqueueOptions) =>
      enqueue({ task, input, options: enqueueOptions }) as Promise<TaskHandle<never>>,
    async enqueueMany(items) {
      const requests = readRequests(items)
      if (!mayEnqueueWhileClosing()) {
        if (closing !== undefined) throw new ExecutorClosedError('enqueueMany')
        await start()
      }
      return enqueuer.many(requests)
    },
    async get(taskId) {
      await ready('get')
      return getRecord(core, taskId)
    },
    async list(query) {
      await ready('list')
      return listRecords(core, query)
    },
    async counts() {
      await ready('counts')
      const { queries } = backend
      if (queries === undefined)
        throw new InvalidOptionsError('backend', 'one with queries', backend.name, 'counts: ')
      return callStore(core, 'poll', 'countByStatus', () => queries.countByStatus())
    },
    stats: () => executorStats(core, observers.stats()),
    async cancel(taskId, cancelOptions) {
      await ready('cancel')
      return cancelTask(core, attempts, taskId, cancelOptions)
    },
    async retry(taskId, retryOptions) {
      if (closing !== undefined) throw new ExecutorClosedError('retry')
      await start()
      return retryTask(core, enqueuer, taskId, retryOptions)
    },
    async retryFailed(retryOptions) {
      if (closing !== undefined) throw new ExecutorClosedError('retryFailed')
      await start()
      return retryFailed(core, enqueuer, retryOptions)
    },
    register(task) {
      registry.register(task)
      engine.refresh()
    },
    pause() {
      if (core.isPaused) return
      core.isPaused = true
      engine.pause()
      publishQueue('queue.paused')
    },
    resume() {
      if (!core.isPaused) return
      core.isPaused = false
      engine.resume()
      publishQueue('queue.resumed')
    },
    setConcurrency(concurrency) {
      core.concurrency = checkConcurrency(concurrency, 'setConcurrency: ') ?? Infinity
      engine.refresh()
    },
    observe(observer) {
      if (core.phase === 'closed') throw new ExecutorClosedError('observe')
      return observers.observe(observer)
    },
    events: bus.events,
    drain: (drainOptions) => waitUntilIdle(core, drainOptions),
    close,
    [Symbol.asyncDispose]: () => close(),
  }

  function publishQueue(type: 'queue.paused' | 'queue.resumed'): void {
    if (bus.wanted[type])
      bus.publish(lifecycle.executorEvent(origin, type, clock.now(), { queue: '*' }))
  }

  return executor
}
