/** Observers, and subscriptions. */

import { consoleObserver } from '../../../src/console.ts'
import { memoryObserver, type Observer } from '../../../src/index.ts'
import { pinoObserver } from '../../../src/pino.ts'
import { hostileOptions, hostileValue, valid } from '../../support/hostile-values.ts'
import type { Entry } from '../hostile.ts'
import { LOGGER, METHODS, misbehaviour, noop, OBSERVER, of, type Any } from './arguments.ts'
import { accepting } from './doing.ts'

export const OBSERVER_ENTRIES: readonly Entry[] = [
  {
    name: 'observe',
    values: [
      hostileOptions(
        {
          ...OBSERVER,
          onEvent: of(noop),
          onLog: of(noop),
          start: of(noop),
          counts: of(() => ({})),
        },
        { onEvent: () => noop },
      ),
    ],
    async call(world, observer: Any) {
      const detach = world.executor.observe(observer)
      await accepting(world, world.executor.enqueue(world.echo, 1))
      world.executor.stats()
      await detach()
    },
  },
  {
    name: 'what methods of an observer do',
    values: [hostileValue, valid(...METHODS.map((name) => () => name)), misbehaviour],
    async call(world, value, method: Any, misbehave: Any) {
      const observer: Observer = { minLevel: 'debug', onEvent: noop, [method]: misbehave(value) }
      const detach = world.executor.observe(observer)
      await accepting(world, world.executor.enqueue(world.echo, 1))
      world.executor.stats()
      await detach()
    },
  },
  {
    name: 'what an observer reports',
    values: [hostileValue],
    async call({ executor }, error) {
      const detach = executor.observe({ onEvent: noop, start: (host) => host?.report(error) })
      await detach()
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
      Promise.race([
        memoryObserver().waitFor(wanted, options),
        new Promise((resolve) => setTimeout(resolve, 3)),
      ]),
  },
  {
    name: 'pinoObserver',
    values: [
      hostileOptions(LOGGER, {
        debug: () => noop,
        info: () => noop,
        warn: () => noop,
        error: () => noop,
      }),
      hostileOptions(OBSERVER),
    ],
    call: (_world, logger: Any, options: Any) => void pinoObserver(logger, options),
  },
]
