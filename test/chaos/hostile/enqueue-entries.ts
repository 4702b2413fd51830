/** Enqueueing, and handles. */

import { defineTask } from '../../../src/index.ts'
import { hostileOptions, hostileValue, valid } from '../../support/hostile-values.ts'
import type { Entry } from '../hostile.ts'
import { CALL, noop, of, schema, type Any } from './arguments.ts'
import { accepting } from './doing.ts'

export const ENQUEUE_ENTRIES: readonly Entry[] = [
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
]
