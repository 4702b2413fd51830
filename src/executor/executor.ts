/** `createExecutor`: assembles the parts; the public face of all of them. */

import type { Backend } from '../backends/backend.ts'
import { addLogFloor, refreshFloor } from '../context/fallback-logger.ts'
import { captureBaseContext, currentScope } from '../context/scope.ts'
import type { Engine } from '../engines/engine.ts'
import { createBus, subscriberName } from '../events/bus.ts'
import { executorEvent } from '../events/executor-event.ts'
import { checkConcurrency } from '../task/definition.ts'
import type { EnqueueOptions, TaskHandle } from '../task/enqueue-options.ts'
import {
  type BackendUnavailableError,
  ExecutorClosedError,
  InvalidOptionsError,
} from '../task/errors.ts'
import { jsonCopy } from '../task/json.ts'
import { createTimerQueue } from '../task/timer-queue.ts'
import type { Executor } from './api.ts'
import { createAttempts } from './attempt.ts'
import { createBackendErrors } from './backend-errors.ts'
import { cancelTask, retryTask } from './control.ts'
import { ownerNow, type AroundObservers, type Core } from './core.ts'
import { createEnqueuer, readRequests, type EnqueueRequest } from './enqueue.ts'
import { fallbackObserver } from './fallback-observer.ts'
import type { LiveTask } from './live-task.ts'
import { createLiveTasks } from './live-tasks.ts'
import { createTurnWrites } from './gather-writes.ts'
import { createGrants } from './grants.ts'
import { createLease } from './lease.ts'
import { listAttempts } from './list-attempts.ts'
import { createLogStore } from './log-store.ts'
import { checkObserver, createObserverHost } from './observer-host.ts'
import { checkedIds, resolveExecutorOptions, type ExecutorOptions } from './options.ts'
import { endUnplaced, placeTask, takeOverRecord } from './placement.ts'
import { callStore } from './persist.ts'
import { childrenOf, getRecord, listRecords } from './queries.ts'
import { createRegistry } from './registry.ts'
import { retryFailed } from './retry-failed.ts'
import { checkCloseOptions, shutDown, type CloseOptions } from './shutdown.ts'
import { closeOnSignals } from './signals.ts'
import { createStarter } from './starter.ts'
import { createStoreCalls } from './store-calls.ts'
import { activityOf, executorStats } from './stats.ts'
import { systemClock } from './system-clock.ts'
import { Tally } from './tally.ts'
import { createUpkeep } from './upkeep.ts'
import { uuidV7 } from './uuid.ts'
import { WallClock } from './wall-clock.ts'
import { createWindow } from './fill-window.ts'
import type { Window } from './window.ts'
import { waitUntilIdle } from './drain.ts'
import { watchLoop } from './watch-loop.ts'

/** What the door hands in: the parts that an executor has unless it is given others. */
export interface DefaultParts {
  backend(): Backend
  engine(): Engine
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
  const loopWatch = watchLoop(() => core)
  const bus = createBus(
    (type, error) => observers.reportFault(subscriberName(type), error),
    () => {
      logFloor.rank = Math.min(checked.logFloor, bus?.logFloor ?? checked.logFloor)
      refreshFloor()
    },
    loopWatch,
  )
  const onAroundChange = (around: AroundObservers, wake: (() => void) | undefined): void => {
    core.around = around
    core.wakeObservers = wake
  }
  const observers = createObserverHost(bus, origin, clock, timers, onAroundChange, () =>
    activityOf(core),
  )
  // Checked when the executor is made, before it leaves a trace; they start with it.
  const given = [...(checked.observers ?? [fallbackObserver()])]
  for (const observer of given) checkObserver(observer)
  const removeLogFloor = addLogFloor(logFloor)
  const starts = createStarter(base, (live) => attempts.begin(live))

  const core: Core = {
    id,
    storeCalls: createStoreCalls(clock, timers),
    turnWrites: createTurnWrites(backend, base, () => core),
    options: checked,
    clock,
    wall: new WallClock(clock, clock === systemClock),
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
    tally: new Tally(),
    loopWatch,
    // Both are the same clock only where nobody has given another.
    loopDelaySince: clock === systemClock ? loopWatch.delaySince : undefined,
    phase: 'new',
    isClosed: () => core.phase === 'closed',
    isAborting: false,
    mayOwnUnheard: false,
    isPaused: false,
    isPastLease: false,
    leaseEndsMs: Infinity,
    watching: 0,
    renewLease: () => lease.beat(),
    // Set below: it is made of the core. No getter: V8 would look up every property of the core in a hash table.
    window: undefined as unknown as Window,
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
    finished: () => upkeep.finished(),
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
  const grants = createGrants(core)
  const window = (core.window = createWindow(core, grants))
  const logStore = createLogStore(core)
  const attempts = createAttempts(core, logStore)
  const enqueuer = createEnqueuer(core, attempts)
  const lease = createLease(core, attempts)
  const upkeep = createUpkeep(core, lease, grants)
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
        window.left(live.queue)
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

  // What the store said while it was opened: nobody could hear it yet.
  const warnings: BackendUnavailableError[] = []

  async function open(): Promise<void> {
    core.phase = 'starting'
    await callStore(core, 'persist', 'open', () => openStore())
    for (const observer of given.splice(0)) observers.observe(observer)
    await observers.started()
    for (const warning of warnings) core.reportBackendError(warning.operation, warning)
    const recovered = core.options.work
      ? await upkeep.recover()
      : { claimed: 0, requeued: 0, interrupted: 0, failed: 0 }
    // Closed meanwhile, without waiting for this.
    if (core.phase !== 'starting') return
    core.phase = 'open'
    const fields = { backend: backend.name, engine: engine.name, recovered }
    if (bus.wanted['executor.started']) {
      bus.publish(executorEvent(origin, 'executor.started', clock.now(), fields))
    }
    upkeep.begin()
    if (checked.signalGrace !== undefined)
      stopSignals = closeOnSignals(() => close({ grace: checked.signalGrace ?? '10s' }))
  }

  async function openStore(): Promise<void> {
    warnings.length = 0
    const unlisten = backend.onWarning?.((warning) => warnings.push(warning))
    try {
      await backend.open(ownerNow(core))
    } finally {
      unlisten?.()
    }
    // Too late: nobody would close it.
    if (core.phase === 'closed') await backend.close(ownerNow(core))
  }

  function enqueue(request: EnqueueRequest): Promise<TaskHandle> {
    if (core.phase === 'open') return enqueuer.one(request)
    if (mayEnqueueWhileClosing()) return enqueuer.one(request)
    if (closing !== undefined) return Promise.reject(new ExecutorClosedError('enqueue'))
    // The input as it is now: the caller may go on changing it while the store opens.
    const input = jsonCopy(request.input)
    core.inserting += 1
    return start()
      .finally(() => (core.inserting -= 1))
      .then(() => enqueue({ ...request, input }))
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
      loopWatch.close()
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
        if (core.phase !== 'open') await start()
      }
      return enqueuer.many(requests) as Promise<never>
    },
    async get(taskId) {
      await ready('get')
      return getRecord(core, taskId)
    },
    async list(query) {
      await ready('list')
      return listRecords(core, query)
    },
    async listAttempts(query) {
      await ready('listAttempts')
      return listAttempts(core, query)
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
      // Others may run what waits here.
      void window.empty()
    },
    resume() {
      if (!core.isPaused) return
      core.isPaused = false
      if (!core.isPastLease) engine.resume()
      window.nudge()
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
    if (bus.wanted[type]) bus.publish(executorEvent(origin, type, clock.now(), { queue: '*' }))
  }

  return executor
}
