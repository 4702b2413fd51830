/** Observers that hold events back: buffers, files, flight recorders. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileObserver } from '../../../src/file.ts'
import { bufferedObserver, flightRecorder, type Observer } from '../../../src/index.ts'
import { hostileOptions, hostileValue, valid } from '../../support/hostile-values.ts'
import type { Entry, World } from '../hostile.ts'
import { misbehaviour, noop, OBSERVER, of, type Any } from './arguments.ts'
import { accepting } from './doing.ts'

const BUFFER = {
  deliver: of(noop),
  close: of(noop),
  maxQueue: of(1, 10),
  batchSize: of(1),
  deadline: of('1s', 5),
  retry: of(false, { delay: 1, max: 2, limit: 1 }),
}

const RECORDER = {
  keep: of('debug', 'warn'),
  flushOn: of('attempt.failed', ['task.failed', 'attempt.overrun'], []),
  maxEventsPerAttempt: of(1),
  maxAttempts: of(1),
  maxBytes: of(1),
}

/** Has it observe one task. */
async function observing(world: World, observer: Observer): Promise<void> {
  const detach = world.executor.observe(observer)
  try {
    await accepting(world, world.executor.enqueue(world.echo, 1))
    world.executor.stats()
  } finally {
    await detach()
  }
}

let directory: string | undefined

/** Emptied when the process ends. */
function directoryOfLogs(): string {
  if (directory !== undefined) return directory
  const made = mkdtempSync(join(tmpdir(), 'plainsight-hostile-'))
  process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  return (directory = made)
}

export const BUFFER_ENTRIES: readonly Entry[] = [
  {
    name: 'bufferedObserver',
    values: [hostileOptions({ ...OBSERVER, ...BUFFER }, { deliver: () => noop })],
    async call(_world, options: Any) {
      const observer = bufferedObserver(options)
      // What its own `close` rejects with is its caller's.
      await observer.close().catch(noop)
    },
  },
  {
    name: 'what deliver does',
    values: [
      hostileValue,
      misbehaviour,
      valid(
        () => false,
        () => ({ delay: 1, max: 1, limit: 1 }),
      ),
    ],
    call: (world, value, misbehave: Any, retry: Any) =>
      observing(
        world,
        bufferedObserver({ minLevel: 'debug', deliver: misbehave(value), retry, deadline: 20 }),
      ),
  },
  {
    name: 'what close of a buffer does',
    values: [hostileValue, misbehaviour],
    call: (world, value, misbehave: Any) =>
      observing(world, bufferedObserver({ deliver: noop, close: misbehave(value) })),
  },
  {
    name: 'fileObserver',
    values: [
      hostileValue,
      hostileOptions({ ...OBSERVER, maxBytes: of(1, Infinity), keep: of(1), maxQueue: of(10) }),
      valid(
        () => true,
        () => true,
        () => false,
      ),
    ],
    call(_world, path: Any, options: Any, known) {
      // A string is a path, and a file would lie wherever it says.
      const isPlace = known === true || typeof path === 'string'
      const place = isPlace ? join(directoryOfLogs(), 'log') : path
      return fileObserver(place, options).close()
    },
  },
  {
    name: 'flightRecorder',
    values: [
      hostileOptions({ ...OBSERVER, onEvent: of(noop) }, { onEvent: () => noop }),
      hostileOptions(RECORDER),
    ],
    call: (world, inner: Any, options: Any) => observing(world, flightRecorder(inner, options)),
  },
  {
    name: 'what the observer in a flight recorder does',
    values: [
      hostileValue,
      valid(...['onEvent', 'onLog', 'start', 'flush', 'close', 'counts'].map((name) => () => name)),
      misbehaviour,
    ],
    call: (world, value, method: Any, misbehave: Any) =>
      observing(world, flightRecorder({ onEvent: noop, [method]: misbehave(value) })),
  },
]
