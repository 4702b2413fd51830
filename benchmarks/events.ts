/** What an event costs: nobody listens, somebody does, somebody does not want it; and a log line that is wanted. */

import { EventEmitter } from 'eventemitter3'
import { createBus, type Bus } from '../src/events/bus.ts'
import { attemptStarted, type EventTask } from '../src/events/lifecycle.ts'
import { AttachedObserver } from '../src/executor/attached-observer.ts'
import { createExecutor, defineTask, taskLog, type Observer } from '../src/index.ts'
import { newRecord, NOW } from '../src/testing/backend-cases/case.ts'
import { nanosecondsPerCall } from './per-call.ts'
import { ratioTarget, valueTarget } from './report.ts'
import { expectEqual, find, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const CALLS = 1_000_000
const LINES = 200_000
const UNOBSERVED = 'an event, nobody observes'
const ONE = 'an event, one observer'
const LOG = 'taskLog(message, extra), one observer'
const EMPTY_EMIT = 'eventemitter3, emit without a listener'
const EMIT = 'eventemitter3, an object, one listener'

export const events: Subject = {
  title: 'Events: what one costs',
  isolated: true,
  rounds: 21,
  warmUps: 5,
  check: { rounds: 9, warmUps: 3, cases: [UNOBSERVED, ONE, LOG, EMPTY_EMIT, EMIT] },
  cases: () => [
    published(UNOBSERVED, [], 0),
    published('an event below the level of all', [{ minLevel: 'error' }], 0),
    published(
      'an event that a rule by tag leaves out',
      [{ minLevel: { default: 'error', 'tag:plan=pro': 'info' } }],
      0,
    ),
    published(ONE, [{}], 1),
    published('an event, three observers', [{}, {}, {}], 3),
    logged('taskLog(message, extra), nobody observes', 0),
    logged(LOG, 1),
    logged('taskLog(message, extra), three observers', 3),
    emitted(EMPTY_EMIT, 0),
    emitted(EMIT, 1),
    emitted('eventemitter3, an object, three listeners', 3),
  ],
  report(series) {
    const emptyEmit = find(series, EMPTY_EMIT)
    const emit = find(series, EMIT)
    return {
      title: this.title,
      unit: 'ns',
      series,
      reference: emit,
      targets: [
        valueTarget('events: unobserved', find(series, UNOBSERVED)),
        ratioTarget('events: unobserved, emit', find(series, UNOBSERVED), emptyEmit),
        ratioTarget('events: observed, emit', find(series, ONE), emit),
        valueTarget('events: log', find(series, LOG)),
        ratioTarget('events: log, emit', find(series, LOG), emit),
      ],
      notes: [
        `${CALLS.toLocaleString('en')} events per round, \`attempt.started\`, from the state of a task to the observers: asked whether ` +
          'anybody wants it, built, frozen, handed to each observer in a `try` of its own, and counted. Log lines: ' +
          `${LINES.toLocaleString('en')} per round in one running task, nothing stored; the extra is copied. By hand: an unfrozen ` +
          'object literal, and `emit`. All through functions that V8 does not inline into the loop.',
      ],
    }
  },
}

/** @param deliveries - to how many observers each event comes */
function published(
  name: string,
  observers: readonly Pick<Observer, 'minLevel'>[],
  deliveries: number,
): Case {
  const { bus, counted } = busWith(observers)
  const { spec, state } = newRecord({ executorId: 'bench', now: NOW }, {})
  const task: EventTask = { spec, state, fields: undefined }
  const origin = { executorId: 'bench', seq: 0 }
  const publish = (): void => {
    if (bus.wanted['attempt.started']) bus.publish(attemptStarted(origin, task, NOW))
  }
  return {
    name,
    version: ownVersion(),
    run() {
      const before = counted()
      const nanoseconds = nanosecondsPerCall(publish, CALLS)
      expectEqual(`${name}: deliveries`, counted() - before, deliveries * CALLS)
      return nanoseconds
    },
  }
}

function busWith(observers: readonly Pick<Observer, 'minLevel'>[]): {
  readonly bus: Bus
  counted(): number
} {
  // As an executor has it: marks for whoever wants to know who takes the time.
  const marks = { isQuick: true, isClose: false, deliveries: 0, wake() {}, enter() {}, leave() {} }
  const bus = createBus(
    () => {},
    () => {},
    marks,
  )
  let received = 0
  for (const [index, { minLevel }] of observers.entries()) {
    const observer: Observer = { minLevel: minLevel ?? 'info', onEvent: () => void received++ }
    const fail = (_name: string, error: unknown): void => {
      throw error
    }
    bus.attach(new AttachedObserver(observer, `observer ${index}`, fail))
  }
  return { bus, counted: () => received }
}

function logged(name: string, observers: number): Case {
  let received = 0
  const measure = defineTask({
    name: 'measure',
    run: () => nanosecondsPerCall((userId) => taskLog('Sending', { userId }), LINES),
  })
  const executor = createExecutor({
    tasks: [measure],
    logs: { store: 'none' },
    observers: Array.from({ length: observers }, () => ({
      minLevel: 'info' as const,
      onLog: () => void received++,
    })),
  })
  return {
    name,
    version: ownVersion(),
    async run() {
      received = 0
      const nanoseconds = await (await executor.enqueue(measure)).result()
      expectEqual(`${name}: deliveries`, received, observers * LINES)
      return nanoseconds
    },
  }
}

function emitted(name: string, listeners: number): Case {
  const emitter = new EventEmitter<'attempt.started'>()
  let received = 0
  for (let index = 0; index < listeners; index++)
    emitter.on('attempt.started', () => void received++)
  let seq = 0
  const bare = (): void => void emitter.emit('attempt.started')
  const emit = (): void => {
    seq += 1
    emitter.emit('attempt.started', {
      type: 'attempt.started',
      level: 'info',
      time: NOW,
      seq,
      executorId: 'bench',
      taskId: 'id',
      taskName: 'send',
      label: undefined,
      attempt: 0,
      retriesUsed: 0,
      status: 'running',
      tags: undefined,
      queue: 'default',
      parentId: undefined,
      rootId: 'id',
      traceContext: undefined,
      context: undefined,
      waitMs: 0,
    })
  }
  return {
    name,
    version: versionOf('eventemitter3'),
    run() {
      received = 0
      const nanoseconds = nanosecondsPerCall(listeners === 0 ? bare : emit, CALLS)
      expectEqual(`${name}: calls`, received, listeners * CALLS)
      return nanoseconds
    },
  }
}
