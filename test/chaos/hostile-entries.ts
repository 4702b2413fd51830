/** The public entries, each with what is thrown at it. */

import {
  bindContext,
  createExecutor,
  defineTask,
  memoryBackend,
  memoryObserver,
  mergeOptions,
  setFallbackLogger,
  taskLog,
  withContext,
  type ExecutionOptions,
  type Executor,
  type Observer,
  type TaskContext,
} from '../../src/index.ts'
import { consoleObserver } from '../../src/console.ts'
import { pinoObserver } from '../../src/pino.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { hostileOptions, hostileValue, valid, type Make } from '../support/hostile-values.ts'
import type { Entry, World } from './hostile.ts'

// The compiler refuses all of this: hostile callers have none.
type Any = any // eslint-disable-line typescript/no-explicit-any

const noop = (): void => {}
const of = (...values: readonly unknown[]): Make[] => values.map((value) => () => value)

const EXECUTION: Readonly<Record<string, readonly Make[]>> = {
  retries: of(0, 2, null),
  backoff: of({ delay: 1 }, () => 1, null),
  retryIf: of(() => true),
  retryOn: of([Error]),
  abortOn: of([TypeError]),
  timeout: of('1s', 50),
  softTimeout: of('1s', 10),
  abandonAfter: of(0, '1s'),
  priority: of(1, -1_000_000),
  queue: of('mail', 'default'),
  tags: of({ a: 'b' }, {}),
  headers: of({ a: 'b' }),
  label: of('a label', () => 'a label'),
  expires: of('1h'),
  shield: of(false),
  requeueOnInterrupt: of(true, false),
  keepResult: of(true, false),
  maxResultBytes: of(10, 0),
  resultTtl: of('1h'),
  storeErrors: of(true, false),
  validate: of(true, false),
  throws: of([Error], []),
  errors: of([Error]),
  onStart: of(noop, [noop]),
  onRetry: of(noop),
  onSuccess: of(noop),
  onError: of(noop),
  onFinal: of(noop),
}

const CALL: Readonly<Record<string, readonly Make[]>> = {
  ...EXECUTION,
  idempotencyKey: of('key', 'other key'),
  idempotencyTtl: of('1h'),
  delay: of(0, 1, '1h'),
  runAt: [() => new Date(), () => Date.now() + 3_600_000],
  parent: of(null),
  onFull: of('reject', 'wait'),
  signal: [() => new AbortController().signal],
  traceContext: of({ traceparent: '00-1-2-01' }),
}

const OBSERVER = {
  name: of('o', 'other'),
  minLevel: of('debug', 'warn', { default: 'info', 'a.*': 'debug', 'tag:a=b': 'error' }),
  types: of(['task.failed'], []),
  lifecycle: of(true, false),
}

const LOGGER = { debug: of(noop), info: of(noop), warn: of(noop), error: of(noop) }

const METHODS = ['onEvent', 'onLog', 'onLifecycle', 'start', 'flush', 'close', 'counts'] as const

const schema = (answer: unknown): unknown => ({
  '~standard': { version: 1, vendor: 'hostile', validate: () => answer },
})

async function accepting(world: World, answer: Promise<Any>): Promise<void> {
  const handles: Any[] = [await answer].flat()
  for (const handle of handles) {
    world.accepted.add(handle.id)
    // Failing is the task's own affair.
    handle.result({ timeout: '5s' }).catch(noop)
  }
}

/** Runs `body` as a task and waits for its end, whatever that is. */
async function asTask(
  world: World,
  body: (context: TaskContext) => unknown,
  options: ExecutionOptions = {},
): Promise<void> {
  const task = defineTask({
    name: 'hostile-body',
    run: (_input: unknown, context) => body(context),
  })
  const { executor } = world
  const known = runners.get(executor) ?? registerRunner(executor)
  known.next = (context) => task.body(undefined, context)
  const handle = await executor.enqueue(known.task, undefined, options)
  world.accepted.add(handle.id)
  await handle.result({ timeout: '8s' })
}

interface Runner {
  readonly task: Any
  next: (context: TaskContext) => unknown
}
const runners = new WeakMap<Executor, Runner>()

function registerRunner(executor: Executor): Runner {
  const runner: Runner = {
    next: noop,
    task: defineTask({ name: 'runner', run: (_input: unknown, context) => runner.next(context) }),
  }
  executor.register(runner.task)
  runners.set(executor, runner)
  return runner
}

/** The end of the task tells; that it failed is no breach of a body that throws. */
async function mayFail(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'TASK_FAILED') throw error
  }
}

export const ENTRIES: readonly Entry[] = [
  {
    name: 'createExecutor',
    values: [
      hostileOptions({
        tasks: [() => [defineTask({ name: 'a', run: noop })], () => []],
        backend: [() => memoryBackend()],
        observers: [() => [memoryObserver()], () => []],
        defaults: of({ retries: 1 }, {}),
        concurrency: of(1, Infinity),
        work: of(true, false),
        maxQueued: of(10),
        logs: of({ store: 'info', maxLines: 1 }, { store: 'none' }),
        retention: of({ maxAge: '1h', maxCount: 1 }),
        shieldGrace: of('1s'),
        handleSignals: of(false),
        id: of('an-id'),
        random: of(() => 0.5),
        newId: of(() => 'id'),
      }),
    ],
    async call(_world, options: Any) {
      await createExecutor(options).close({ grace: 0 })
    },
  },
  {
    name: 'defineTask',
    values: [
      hostileOptions({
        name: of('a', 'a:b'),
        run: of(noop),
        input: of(undefined, schema({ value: 1 })),
        concurrency: of(1, null),
        ...EXECUTION,
      }, { name: () => 'a', run: () => noop }),
    ],
    call: (_world, definition: Any) => void defineTask(definition),
  },
  {
    name: 'createExecutor, defaults',
    values: [hostileOptions(EXECUTION)],
    call(_world, options: Any) {
      const task = defineTask({ name: 'a', run: noop })
      return createExecutor({ tasks: [task], defaults: options, observers: [] }).close({ grace: 0 })
    },
  },
  {
    name: 'enqueue, task',
    values: [hostileValue],
    call: (world, task: Any) => accepting(world, world.executor.enqueue(task)),
  },
  {
    name: 'enqueue, input',
    values: [hostileValue],
    call: (world, input) => accepting(world, world.executor.enqueue(world.echo, input)),
  },
  {
    name: 'enqueue, options',
    values: [hostileOptions(CALL)],
    call: (world, options: Any) =>
      accepting(world, world.executor.enqueue(world.other, undefined, options)),
  },
  {
    name: 'enqueue, schema',
    values: [
      hostileValue,
      valid(
        () => 'now',
        () => 'later',
        () => 'bare',
      ),
    ],
    call(world, answer, when) {
      const given =
        when === 'bare' ? answer : schema(when === 'later' ? Promise.resolve([answer]) : answer)
      const task = defineTask({
        name: `s${Math.random()}`.replace('.', ''),
        input: given as Any,
        run: noop,
      })
      world.executor.register(task as Any)
      return accepting(world, world.executor.enqueue(task as Any, 1))
    },
  },
  {
    name: 'enqueueMany',
    values: [
      hostileValue,
      hostileOptions(CALL),
      valid(
        () => 0,
        () => 1,
        () => 2,
        () => 3,
      ),
    ],
    call(world, value: Any, options: Any, shape) {
      const good = { task: world.other }
      const items: Any =
        shape === 0
          ? value
          : shape === 1
            ? [good, value]
            : shape === 2
              ? [good, { task: world.echo, input: value }]
              : [{ task: world.other, options }, good]
      return accepting(world, world.executor.enqueueMany(items))
    },
  },
  { name: 'get', values: [hostileValue], call: ({ executor }, id: Any) => executor.get(id) },
  {
    name: 'list',
    values: [
      hostileOptions({
        status: of('failed', ['failed', 'running']),
        name: of('other'),
        queue: of('default'),
        tags: of({ a: 'b' }),
        parentId: of('x'),
        createdAfter: [() => 5, () => new Date()],
        createdBefore: of(5),
        limit: of(1, 200),
        cursor: of('p1', 'p999999'),
        order: of('newest', 'oldest'),
        logs: of(true),
      }),
    ],
    call: ({ executor }, query: Any) => executor.list(query),
  },
  {
    name: 'cancel',
    values: [
      hostileValue,
      hostileOptions({ reason: of('why'), by: of('me') }),
      valid(
        () => true,
        () => false,
      ),
    ],
    call: ({ executor, endedId }, id: Any, options: Any, known) =>
      executor.cancel(known === true ? endedId : id, options),
  },
  {
    name: 'retry',
    values: [
      hostileValue,
      hostileOptions({ force: of(true, false) }),
      valid(
        () => true,
        () => false,
      ),
    ],
    call: (world, id: Any, options: Any, known) =>
      accepting(world, world.executor.retry(known === true ? world.endedId : id, options)),
  },
  {
    name: 'retryFailed',
    values: [
      hostileOptions({
        name: of('other'),
        createdAfter: of(1),
        createdBefore: of(1),
        limit: of(1),
      }),
    ],
    call: (world, options: Any) =>
      accepting(world, world.executor.retryFailed(options) as Promise<Any>),
  },
  {
    name: 'observe',
    values: [
      hostileOptions({
        ...OBSERVER,
        onEvent: of(noop),
        onLog: of(noop),
        start: of(noop),
        counts: of(() => ({})),
      }, { onEvent: () => noop }),
    ],
    async call(world, observer: Any) {
      const detach = world.executor.observe(observer)
      await accepting(world, world.executor.enqueue(world.echo, 1))
      world.executor.stats()
      await detach()
    },
  },
  {
    name: 'observe, what its methods answer',
    values: [hostileValue, valid(...METHODS.map((name) => () => name))],
    async call(world, answer, method: Any) {
      const observer: Observer = { minLevel: 'debug', onEvent: noop, [method]: () => answer }
      const detach = world.executor.observe(observer)
      await accepting(world, world.executor.enqueue(world.echo, 1))
      world.executor.stats()
      void detach()
    },
  },
  {
    name: 'observe, what its methods throw',
    values: [hostileValue, valid(...METHODS.map((name) => () => name))],
    async call(world, thrown, method: Any) {
      const throwIt = (): never => {
        throw thrown
      }
      const detach = world.executor.observe({ minLevel: 'debug', onEvent: noop, [method]: throwIt })
      await accepting(world, world.executor.enqueue(world.echo, 1))
      world.executor.stats()
      void detach()
    },
  },
  {
    name: 'setMinLevel',
    values: [hostileValue],
    async call({ executor }, minLevel: Any) {
      const detach = executor.observe({ onEvent: noop })
      try {
        detach.setMinLevel(minLevel)
      } finally {
        void detach()
      }
    },
  },
  {
    name: 'register',
    values: [hostileValue],
    call: ({ executor }, task: Any) => executor.register(task),
  },
  {
    name: 'setConcurrency',
    values: [hostileValue],
    call: ({ executor }, count: Any) => executor.setConcurrency(count),
  },
  {
    name: 'drain',
    values: [
      hostileOptions({
        timeout: of(0, 1, '1s'),
        signal: [() => AbortSignal.abort(1), () => new AbortController().signal],
      }),
    ],
    call: ({ executor }, options: Any) => executor.drain(options),
  },
  {
    name: 'close',
    values: [hostileOptions({ grace: of(0, 1) })],
    async call(_world, options: Any) {
      const executor = createExecutor({ observers: [] })
      try {
        await executor.close(options)
      } finally {
        // A refused close is no close: it can be asked for again.
        await executor.close({ grace: 0 })
      }
    },
  },
  {
    name: 'handle.result',
    values: [
      hostileOptions({
        timeout: of(0, 1),
        signal: [() => AbortSignal.abort(1), () => new AbortController().signal],
      }),
      valid(
        () => true,
        () => false,
      ),
    ],
    async call(world, options: Any, ended) {
      const handle = await world.executor.enqueue(
        world.echo,
        1,
        ended === true ? {} : { delay: '1h' },
      )
      world.accepted.add(handle.id)
      const result = handle.result(options)
      if (ended !== true) await handle.cancel()
      await result
    },
  },
  {
    name: 'handle.cancel',
    values: [hostileOptions({ reason: of('why'), by: of('me') })],
    async call(world, options: Any) {
      const handle = await world.executor.enqueue(world.echo, 1, { delay: '1h' })
      world.accepted.add(handle.id)
      await handle.cancel(options)
    },
  },
  {
    name: 'events.on',
    values: [
      hostileValue,
      hostileValue,
      valid(
        () => true,
        () => false,
      ),
    ],
    async call(world, type: Any, listener: Any, known) {
      const off = world.executor.events.on(
        known === true ? 'task.succeeded' : type,
        known === true ? () => listener as unknown : listener,
      )
      await accepting(world, world.executor.enqueue(world.echo, 1))
      off()
    },
  },
  {
    name: 'taskLog',
    values: [hostileValue, hostileValue, hostileValue],
    neverThrows: true,
    call: (world, level: Any, message: Any, extra) =>
      asTask(world, ({ log, progress }) => {
        taskLog(message, extra)
        taskLog.error(message, extra)
        taskLog.log(level, message, extra)
        log.warn(message, extra)
        log.debug(message, level)
        progress(message, extra as Any)
      }),
  },
  {
    name: 'taskLog outside a task',
    values: [hostileValue, hostileValue, hostileValue],
    neverThrows: true,
    call(_world, level: Any, message: Any, extra) {
      setFallbackLogger({ debug: noop, info: noop, warn: noop, error: noop })
      taskLog(message, extra)
      taskLog.log(level, message, extra)
      setFallbackLogger(null)
    },
  },
  {
    name: 'setFallbackLogger',
    values: [
      hostileOptions({
        debug: of(noop),
        info: of(noop),
        warn: of(noop),
        error: of(noop),
        minLevel: of('debug', 'error'),
      }),
    ],
    call(_world, logger: Any) {
      // What it prints is not at issue.
      if (logger === undefined || logger === globalThis) return
      try {
        setFallbackLogger(logger)
        if (logger !== null) taskLog.error('a line', { a: 1 })
      } finally {
        setFallbackLogger(null)
      }
    },
  },
  {
    name: 'bindContext',
    values: [hostileValue],
    call: (world, fields: Any) =>
      asTask(world, ({ log }) => {
        let refusal: unknown
        try {
          bindContext(fields)
        } catch (error) {
          refusal = error
        }
        log.info('a line that carries it')
        if (refusal !== undefined && (refusal as Any).code !== 'INVALID_OPTIONS') throw refusal
      }),
  },
  {
    name: 'withContext',
    values: [
      hostileValue,
      hostileValue,
      valid(
        () => true,
        () => false,
      ),
    ],
    call: (world, fields: Any, body: Any, known) =>
      withContext(
        fields,
        // What a body throws is its caller's own.
        known === true || typeof body === 'function'
          ? () => accepting(world, world.executor.enqueue(world.echo, 1))
          : body,
      ) as unknown,
  },
  {
    name: 'mergeOptions',
    values: [hostileOptions(EXECUTION), hostileOptions(EXECUTION)],
    call: (_world, a: Any, b: Any) => void mergeOptions(a, b),
  },
  {
    name: 'memoryBackend',
    values: [hostileOptions({ maxQueued: of(1, 5) })],
    call: (_world, options: Any) => void memoryBackend(options),
  },
  {
    name: 'sqliteBackend',
    values: [
      hostileValue,
      hostileOptions({ durability: of('process', 'power'), quickCheck: of(true, false) }),
      valid(
        () => true,
        () => false,
      ),
    ],
    // Made, not opened: a file would lie wherever a hostile path says.
    call: (_world, path: Any, options: Any, known) =>
      void sqliteBackend(known === true ? 'tasks.db' : path, options),
  },
  {
    name: 'consoleObserver',
    values: [
      hostileOptions({
        ...OBSERVER,
        stream: of({ write: noop }),
        format: of('auto', 'human', 'json'),
        color: of('auto', true),
        maxQueued: of(1),
      }),
    ],
    call: (_world, options: Any) => consoleObserver(options).close(),
  },
  {
    name: 'memoryObserver',
    values: [hostileOptions({ ...OBSERVER, max: of(1, 10) })],
    call: (_world, options: Any) => void memoryObserver(options),
  },
  {
    name: 'memoryObserver.waitFor',
    values: [
      hostileValue,
      hostileOptions(
        { timeout: of(1), signal: [() => AbortSignal.abort(1)] },
        { timeout: () => 0 },
      ),
    ],
    // A long timeout is fair: it is not waited for.
    call: (_world, wanted: Any, options: Any) =>
      Promise.race([memoryObserver().waitFor(wanted, options), new Promise((resolve) => setTimeout(resolve, 3))]),
  },
  {
    name: 'pinoObserver',
    values: [
      hostileOptions(LOGGER, { debug: () => noop, info: () => noop, warn: () => noop, error: () => noop }),
      hostileOptions(OBSERVER),
    ],
    call: (_world, logger: Any, options: Any) => void pinoObserver(logger, options),
  },
  {
    name: 'what a body returns',
    values: [hostileValue],
    call: (world, value) => mayFail(asTask(world, () => value)),
  },
  {
    name: 'what a body throws',
    values: [
      hostileValue,
      valid(
        () => true,
        () => false,
      ),
    ],
    call: (world, thrown, late) =>
      mayFail(
        asTask(world, async () => {
          if (late === true) await null
          throw thrown
        }),
      ),
  },
  {
    name: 'what callbacks of a task answer',
    values: [
      hostileValue,
      valid(
        () => 'label',
        () => 'retryIf',
        () => 'onStart',
        () => 'onError',
        () => 'onFinal',
      ),
    ],
    call: (world, answer, name: Any) =>
      mayFail(
        asTask(
          world,
          () => {
            throw new Error('so that onError is called')
          },
          { retries: 1, backoff: { delay: 0 }, [name]: () => answer },
        ),
      ),
  },
  {
    name: 'what a backoff function answers',
    values: [hostileValue],
    async call(world, answer: Any) {
      const options: Any = { retries: 1, backoff: () => answer }
      const handle = await world.executor.enqueue('nowhere', 1, options).catch(() => undefined)
      if (handle !== undefined) throw new Error('a task that is not registered was accepted')
      await accepting(world, world.executor.enqueue(world.echo, 1, options))
    },
  },
]
