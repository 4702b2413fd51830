/** Definitions, bodies and their callbacks, and what bodies call. */

import {
  bindContext,
  defineTask,
  isTerminal,
  mergeOptions,
  RetryAfterError,
  setFallbackLogger,
  STATUSES,
  taskLog,
  UnrecoverableError,
  withContext,
} from '../../../src/index.ts'
import { hostileOptions, hostileValue, valid } from '../../support/hostile-values.ts'
import type { Entry } from '../hostile.ts'
import { EXECUTION, misbehaviour, noop, of, schema, type Any } from './arguments.ts'
import { accepting, asTask, mayFail } from './doing.ts'

export const TASK_ENTRIES: readonly Entry[] = [
  {
    name: 'defineTask',
    values: [
      hostileOptions(
        {
          name: of('a', 'a:b'),
          run: of(noop),
          input: of(undefined, schema({ value: 1 })),
          concurrency: of(1, null),
          ...EXECUTION,
        },
        { name: () => 'a', run: () => noop },
      ),
    ],
    call: (_world, definition: Any) => void defineTask(definition),
  },
  {
    name: 'mergeOptions',
    values: [hostileOptions(EXECUTION), hostileOptions(EXECUTION)],
    call: (_world, a: Any, b: Any) => void mergeOptions(a, b),
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
      ),
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
          if (late === true) await Promise.resolve()
          throw thrown
        }),
      ),
  },
  {
    name: 'RetryAfterError and UnrecoverableError',
    values: [
      hostileValue,
      hostileValue,
      hostileOptions({ cause: of(new Error('the cause'), 'text') }),
      valid(
        () => true,
        () => false,
      ),
    ],
    call: (world, delay: Any, message: Any, options: Any, retried) =>
      mayFail(
        asTask(world, () => {
          if (retried === true) throw new RetryAfterError(delay, message, options)
          throw new UnrecoverableError(message, options)
        }),
      ),
  },
  {
    name: 'isTerminal',
    values: [hostileValue],
    neverThrows: true,
    call(_world, status: Any) {
      if (isTerminal(status) && !STATUSES.includes(status)) throw new Error('that is no status')
    },
  },
  {
    name: 'what callbacks of a task do',
    values: [
      hostileValue,
      valid(
        ...['label', 'retryIf', 'backoff', 'onStart', 'onError', 'onFinal'].map(
          (name) => () => name,
        ),
      ),
      misbehaviour,
    ],
    async call(world, value, name: Any, misbehave: Any) {
      const fail = (): never => {
        throw new Error('so that all of them are called')
      }
      const options: Any = { retries: 1, backoff: { delay: 0 }, [name]: misbehave(value) }
      // A backoff may be as long as it likes.
      const task = asTask(world, name === 'backoff' ? noop : fail, options)
      await mayFail(task)
    },
  },
]
