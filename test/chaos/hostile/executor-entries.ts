/** The executor itself, and the backends it is given. */

import { createExecutor, defineTask, memoryBackend, memoryObserver } from '../../../src/index.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { hostileOptions, hostileValue, valid } from '../../support/hostile-values.ts'
import type { Entry } from '../hostile.ts'
import { EXECUTION, misbehaviour, noop, of, type Any } from './arguments.ts'
import { accepting } from './doing.ts'

export const EXECUTOR_ENTRIES: readonly Entry[] = [
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
        window: of(1, 1_000),
        logs: of({ store: 'info', maxLines: 1 }, { store: 'none' }),
        retention: of(
          { maxAge: '1h', maxCount: 1 },
          { byStatus: { failed: { maxAge: Infinity }, succeeded: { maxCount: 0 } } },
        ),
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
    name: 'createExecutor, retention',
    values: [
      hostileOptions({
        maxAge: of('1h', Infinity),
        maxCount: of(0, 1),
        byStatus: of({ failed: { maxCount: 1 } }, {}),
      }),
      hostileOptions({
        succeeded: of({ maxAge: '1h' }, {}),
        failed: of({ maxCount: 0 }),
        cancelled: of({}),
      }),
      valid(
        () => true,
        () => false,
      ),
    ],
    async call(_world, general: Any, byStatus: Any, own) {
      const retention: Any = own === true ? { byStatus } : general
      await createExecutor({ observers: [], retention }).close({ grace: 0 })
    },
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
    name: 'what newId and random do',
    values: [
      hostileValue,
      valid(
        () => 'newId',
        () => 'random',
      ),
      misbehaviour,
    ],
    async call({ echo }, value, name: Any, misbehave: Any) {
      const executor = createExecutor({ tasks: [echo], observers: [], [name]: misbehave(value) })
      try {
        const handle = await executor.enqueue(echo, 1)
        await handle.result({ timeout: '5s' })
      } finally {
        await executor.close({ grace: 0 })
      }
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
        text: of('oth', '%', '\0'),
        cursor: of('p1', 'p999999'),
        order: of('newest', 'oldest'),
        logs: of(true),
      }),
    ],
    call: ({ executor }, query: Any) => executor.list(query),
  },
  {
    name: 'listAttempts',
    values: [
      hostileOptions({
        status: of('failed', ['failed', 'running']),
        outcome: of('failure', ['success', 'running']),
        name: of('other'),
        queue: of('default'),
        tags: of({ a: 'b' }),
        fingerprint: of('0123456789abcdef'),
        since: [() => 5, () => new Date()],
        until: of(5),
        limit: of(1, 200),
        cursor: of('p1', 'p999999'),
      }),
    ],
    call: ({ executor }, query: Any) => executor.listAttempts(query),
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
    name: 'memoryBackend',
    values: [hostileOptions({ maxQueued: of(1, 5) })],
    call: (_world, options: Any) => void memoryBackend(options),
  },
  {
    name: 'sqliteBackend',
    values: [
      hostileValue,
      hostileOptions({
        durability: of('process', 'power'),
        quickCheck: of(true, false),
        checkpointThread: of(true, false),
      }),
      valid(
        () => true,
        () => false,
      ),
    ],
    // Made, not opened: a file would lie wherever a hostile path says.
    call: (_world, path: Any, options: Any, known) =>
      void sqliteBackend(known === true ? 'tasks.db' : path, options),
  },
]
