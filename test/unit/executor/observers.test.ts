import { describe, expect, test } from 'vitest'
import { createExecutor, defineTask, taskLog } from '../../../src/index.ts'
import type { EventType, PlainsightEvent } from '../../../src/events/event.ts'
import type { MinLevel, Observer, ObserverCounts } from '../../../src/observers/observer.ts'
import { manualClock } from '../../../src/testing/manual-clock.ts'
import { gate, recorded, recorder } from '../../support/recorded.ts'
import { typesOf } from '../../support/event-rules.ts'

const talk = defineTask({
  name: 'talk',
  run(_input: unknown) {
    taskLog.debug('d')
    taskLog('i')
    taskLog.warning('w')
    taskLog.error('e')
  },
})
const fail = defineTask({ name: 'fail', run: () => Promise.reject(new Error('no')) })

function sum({ delivered, dropped, failed, queued }: ObserverCounts): number {
  return delivered + dropped + failed + queued
}

describe('an observer', () => {
  test('with onEvent gets every event; onLog and onLifecycle get their share, and need no onEvent', async () => {
    const all = recorder('all')
    const logs: string[] = []
    const others: EventType[] = []
    const both: string[] = []
    const { executor } = recorded({
      tasks: [talk],
      observers: [
        all,
        { minLevel: 'debug', onLog: (event) => void logs.push(event.message) },
        { minLevel: 'debug', onLifecycle: (event) => void others.push(event.type) },
        {
          minLevel: 'debug',
          onEvent: ({ type }) => void both.push(`event ${type}`),
          onLog: ({ type }) => void both.push(`log ${type}`),
          onLifecycle: ({ type }) => void both.push(`lifecycle ${type}`),
        },
      ],
    })
    await (await executor.enqueue(talk)).result()
    expect(logs).toEqual(['d', 'i', 'w', 'e'])
    expect(typesOf(all.events)).toEqual([
      'executor.started',
      'task.enqueued',
      'attempt.started',
      'task.log',
      'task.log',
      'task.log',
      'task.log',
      'task.succeeded',
    ])
    expect(others).toEqual([
      'executor.started',
      'task.enqueued',
      'attempt.started',
      'task.succeeded',
    ])
    expect(both).toEqual(
      all.events.flatMap(({ type }) => [
        `event ${type}`,
        type === 'task.log' ? `log ${type}` : `lifecycle ${type}`,
      ]),
    )
  })

  test('with lifecycle: false gets logs, and the types it asks for', async () => {
    const record = recorder()
    const { executor } = recorded({
      tasks: [talk],
      observers: [
        {
          name: 'o',
          minLevel: 'debug',
          lifecycle: false,
          types: ['task.enqueued'],
          onEvent: record.onEvent!,
        },
      ],
    })
    await (await executor.enqueue(talk)).result()
    expect(typesOf(record.events)).toEqual([
      'task.enqueued',
      'task.log',
      'task.log',
      'task.log',
      'task.log',
    ])
  })

  test('attached while running gets what comes from then on, and detached no more', async () => {
    const { executor } = recorded({ tasks: [talk] })
    await (await executor.enqueue(talk)).result()
    const calls: string[] = []
    const record = recorder('late')
    const off = executor.observe({
      ...record,
      start: () => void calls.push('start'),
      flush: () => void calls.push('flush'),
      close: () => void calls.push('close'),
    })
    expect(off.name).toBe('late')
    await (await executor.enqueue(talk)).result()
    await Promise.all([off(), off()])
    await off()
    await (await executor.enqueue(talk)).result()
    expect(calls).toEqual(['start', 'flush', 'close'])
    expect(typesOf(record.events).filter((type) => type !== 'task.log')).toEqual([
      'task.enqueued',
      'attempt.started',
      'task.succeeded',
    ])
    expect(executor.stats().observers.map(({ name }) => name)).toEqual(['recorder'])
  })

  test('attached and detached ten thousand times leaves nothing behind', async () => {
    const { executor } = recorded({ tasks: [talk] })
    await executor.start()
    for (let round = 0; round < 10_000; round++) await executor.observe({ onEvent() {} })()
    expect(executor.stats().observers).toHaveLength(1)
  })

  test('that starts asynchronously is attached when it has started, and its level can be set before', async () => {
    const { executor } = recorded({ tasks: [talk] })
    await executor.start()
    const ready = gate()
    const record = recorder('slow')
    const off = executor.observe({ ...record, start: () => ready.promise })
    off.setMinLevel('error')
    await (await executor.enqueue(talk)).result()
    expect(record.events).toEqual([])
    ready.open()
    await new Promise((resolve) => setImmediate(resolve))
    await (await executor.enqueue(talk)).result()
    expect(record.events.map((event) => event.level)).toEqual(['error'])
  })

  test('without a name, or with one that is taken, gets a number', async () => {
    const { executor } = recorded({
      observers: [
        { onEvent() {} },
        { onEvent() {} },
        { name: 'x', onEvent() {} },
        { name: 'x', onEvent() {} },
      ],
    })
    await executor.start()
    const names = executor.stats().observers.map(({ name }) => name)
    expect(new Set(names).size).toBe(5)
    expect(names.slice(0, 2)).toEqual(['recorder', 'observer'])
  })

  test.each([
    [null],
    ['console'],
    [{}],
    [{ onEvent: 'yes' }],
    [{ onEvent() {}, minLevel: 'loud' }],
    [{ onEvent() {}, minLevel: { default: 'loud' } }],
    [{ onEvent() {}, minLevel: { 'tag:=x': 'info' } }],
    [{ onEvent() {}, types: ['task.invented'] }],
    [{ onEvent() {}, types: 'task.failed' }],
  ])('like %j is refused when the executor is made, and when it is attached', (observer) => {
    const wrong = observer as unknown as Observer
    expect(() => createExecutor({ observers: [wrong] })).toThrow(/option/)
    const { executor } = recorded()
    expect(() => executor.observe(wrong)).toThrow(/option/)
  })
})

describe('minLevel', () => {
  async function received(minLevel: MinLevel | undefined, more: Partial<Observer> = {}) {
    const record = recorder()
    const observer: Observer = {
      name: 'o',
      onEvent: record.onEvent!,
      ...(minLevel === undefined ? {} : { minLevel }),
      ...more,
    }
    const { executor } = recorded({ tasks: [talk, fail], observers: [observer] })
    await (await executor.enqueue(talk, undefined, { tags: { plan: 'pro' } })).result()
    await executor.enqueue(fail, undefined, { tags: { plan: 'free' } })
    await executor.drain()
    return record.events.map((event) =>
      event.type === 'task.log'
        ? event.message
        : 'taskName' in event
          ? `${event.taskName} ${event.type}`
          : event.type,
    )
  }
  const info = [
    'executor.started',
    'talk attempt.started',
    'i',
    'w',
    'e',
    'talk task.succeeded',
    'fail attempt.started',
    'fail task.failed',
  ]

  test('is info unless it is given', async () => {
    expect(await received(undefined)).toEqual(info)
  })

  test.each([
    ['error', ['e', 'fail task.failed']],
    ['warning', ['w', 'e', 'fail task.failed']],
    ['warn', ['w', 'e', 'fail task.failed']],
    ['info', info],
  ] as const)('of %s lets through that and what is above', async (minLevel, expected) => {
    expect(await received(minLevel)).toEqual(expected)
  })

  test('takes rules by task name, with stars', async () => {
    expect(await received({ default: 'error', 't*k': 'warning' })).toEqual([
      'w',
      'e',
      'fail task.failed',
    ])
    expect(await received({ default: 'error', 't*l*x': 'debug' })).toEqual([
      'e',
      'fail task.failed',
    ])
    expect(await received({ default: 'warning', fail: 'info' })).toEqual([
      'w',
      'e',
      'fail attempt.started',
      'fail task.failed',
    ])
  })

  test('takes rules by tag; the most talkative that matches decides', async () => {
    expect(await received({ default: 'error', 'tag:plan=pro': 'warning' })).toEqual([
      'w',
      'e',
      'fail task.failed',
    ])
    expect(await received({ default: 'error', 'tag:plan=*': 'warning', talk: 'error' })).toEqual([
      'w',
      'e',
      'fail task.failed',
    ])
    expect(await received({ default: 'error', 'tag:nope=*': 'debug' })).toEqual([
      'e',
      'fail task.failed',
    ])
  })

  test('of a rule may be above the default', async () => {
    expect(await received({ default: 'warning', talk: 'error' })).toEqual(['e', 'fail task.failed'])
  })

  test('counts default for events of the executor', async () => {
    expect(await received({ default: 'warning', '*': 'error' })).toEqual(['e', 'fail task.failed'])
    expect((await received({ '*': 'error' }))[0]).toBe('executor.started')
  })

  test('is passed by types, whatever their level', async () => {
    expect(await received('error', { types: ['task.enqueued'] })).toEqual([
      'talk task.enqueued',
      'e',
      'fail task.enqueued',
      'fail task.failed',
    ])
    expect(await received('error', { types: ['task.log'] })).toEqual([
      'd',
      'i',
      'w',
      'e',
      'fail task.failed',
    ])
  })

  test('can change while running, for all that comes after', async () => {
    const { executor } = recorded({ tasks: [talk] })
    await executor.start()
    const record = recorder('o')
    const off = executor.observe({ name: 'o', minLevel: 'error', onEvent: record.onEvent! })
    await (await executor.enqueue(talk)).result()
    expect(record.events).toHaveLength(1)
    off.setMinLevel('debug')
    await (await executor.enqueue(talk)).result()
    expect(record.events).toHaveLength(1 + 7)
    off.setMinLevel({ default: 'error', talk: 'warning' })
    await (await executor.enqueue(talk)).result()
    expect(record.events).toHaveLength(1 + 7 + 2)
    expect(() => off.setMinLevel('loud' as 'info')).toThrow(/"debug", "info", "warning"/)
    await off()
    off.setMinLevel('debug')
    await (await executor.enqueue(talk)).result()
    expect(record.events).toHaveLength(1 + 7 + 2)
  })

  test('keeps what nobody wants from being built at all: seq counts the built', async () => {
    const seen: PlainsightEvent[] = []
    const executor = createExecutor({
      tasks: [talk, fail],
      logs: { store: 'none' },
      observers: [{ minLevel: 'error', onEvent: (event) => void seen.push(event) }],
    })
    const quiet = defineTask({
      name: 'quiet',
      run() {
        for (let line = 0; line < 100; line++) taskLog('nobody wants this')
      },
    })
    executor.register(quiet)
    for (let round = 0; round < 100; round++) await (await executor.enqueue(quiet)).result()
    await executor.enqueue(fail)
    await executor.drain()
    // The attempt.failed of the last failure may have been built: its level depends on what becomes of the task.
    expect(seen).toMatchObject([{ type: 'task.failed' }])
    expect(seen[0]?.seq).toBeLessThanOrEqual(2)
    await executor.close()
  })

  test('of an observer that only wraps, or only takes logs, has no other event built', async () => {
    const executor = createExecutor({
      tasks: [talk],
      observers: [
        { minLevel: 'debug', wrapRun: (_run, next) => next() },
        { minLevel: 'debug', onLog() {} },
      ],
    })
    await (await executor.enqueue(talk)).result()
    const { observers } = executor.stats()
    expect(observers.map(({ emitted }) => emitted)).toEqual([0, 4])
    await executor.close()
  })
})

describe('the accounting', () => {
  test('is exact at all times, whatever comes of the events', async () => {
    const pending: (() => void)[] = []
    const checks: string[] = []
    const check = (): void => {
      for (const stats of executor.stats().observers) {
        if (sum(stats) !== stats.emitted) checks.push(JSON.stringify(stats))
        if (Object.values(stats).some((value) => typeof value === 'number' && value < 0))
          checks.push(JSON.stringify(stats))
      }
    }
    const { executor, events } = recorded({
      tasks: [talk],
      observers: [
        {
          name: 'throws',
          minLevel: 'debug',
          onEvent() {
            check()
            throw new Error('x')
          },
        },
        {
          name: 'rejects',
          minLevel: 'debug',
          async onEvent() {
            check()
            await Promise.resolve()
            throw new Error('x')
          },
        },
        { name: 'never', minLevel: 'debug', onEvent: () => new Promise(() => {}) },
        {
          name: 'later',
          minLevel: 'debug',
          onEvent: () => new Promise<void>((resolve) => void pending.push(resolve)),
        },
        {
          name: 'both',
          minLevel: 'debug',
          onEvent() {
            throw new Error('x')
          },
          onLifecycle: () => Promise.reject(new Error('y')),
        },
        {
          name: 'half',
          minLevel: 'debug',
          onEvent: () => Promise.reject(new Error('x')),
          onLifecycle: () => Promise.resolve(),
          onLog: () => Promise.reject(new Error('y')),
        },
        { name: 'fine', minLevel: 'debug', onEvent: () => check() },
      ],
    })
    await (await executor.enqueue(talk)).result()
    for (const resolve of pending.splice(0)) resolve()
    await new Promise((resolve) => setImmediate(resolve))
    check()
    expect(checks).toEqual([])
    const byName = Object.fromEntries(
      executor.stats().observers.map((stats) => [stats.name, stats]),
    )
    const total = byName['fine']?.emitted ?? 0
    expect(total).toBeGreaterThanOrEqual(8)
    // Reports about an observer are not sent to it: those that fail have seen fewer events.
    const seen = (name: string): number => byName[name]?.emitted ?? 0
    expect(byName['throws']).toMatchObject({ failed: seen('throws'), delivered: 0, queued: 0 })
    expect(byName['rejects']).toMatchObject({ failed: seen('rejects'), delivered: 0, queued: 0 })
    expect(byName['never']).toMatchObject({ queued: seen('never'), delivered: 0 })
    expect(byName['both']).toMatchObject({ failed: seen('both'), queued: 0 })
    expect(byName['half']).toMatchObject({ failed: seen('half'), queued: 0 })
    expect(byName['fine']).toMatchObject({ delivered: total, failed: 0, queued: 0 })
    expect(events.length).toBe(executor.stats().observers[0]?.emitted)
  })

  test('believes an observer that counts, and not one that miscounts', async () => {
    let handed = 0
    const numbers: Record<string, () => unknown> = {
      buffers: () => ({ delivered: 1, dropped: 2, failed: 0, queued: handed - 3 }),
      forgets: () => ({ delivered: 1, dropped: 0, failed: 0, queued: 0 }),
      boasts: () => ({ delivered: 1e9, dropped: 0, failed: 0, queued: 0 }),
      negative: () => ({ delivered: 10, dropped: -10, failed: 0, queued: 0 }),
      nonsense: () => ({ delivered: Number.NaN, dropped: 'x', failed: null, queued: {} }),
      nothing: () => undefined,
      throws: () => {
        throw new Error('x')
      },
    }
    const observers = Object.entries(numbers).map(([name, counts]) => ({
      name,
      onEvent: () => void (name === 'buffers' && (handed += 1)),
      counts: counts as () => ObserverCounts,
    }))
    const clock = manualClock()
    const { executor } = recorded({ tasks: [talk], observers, clock })
    await (await executor.enqueue(talk)).result()
    const stats = executor.stats().observers
    for (const each of stats) expect(sum(each)).toBe(each.emitted)
    const byName = Object.fromEntries(stats.map((each) => [each.name, each]))
    expect(byName['buffers']).toMatchObject({
      delivered: 1,
      dropped: 2,
      failed: 0,
      queued: handed - 3,
    })
    expect(byName['forgets']).toMatchObject({
      delivered: 1,
      failed: (byName['forgets']?.emitted ?? 0) - 1,
    })
    for (const name of ['boasts', 'negative', 'nonsense', 'nothing', 'throws'])
      expect(byName[name]).toMatchObject({
        delivered: byName[name]?.emitted,
        dropped: 0,
        failed: 0,
        queued: 0,
      })
  })

  test('a getter for counts that throws takes nothing down', async () => {
    const clock = manualClock()
    const observer: Observer = {
      onEvent() {},
      get counts(): () => ObserverCounts {
        throw new Error('no')
      },
    }
    const { executor } = recorded({ observers: [observer], clock })
    await executor.start()
    await clock.advance(3_000)
    expect(executor.stats().observers).toHaveLength(2)
  })

  test('drops are reported to the others, at most once a second, with the exact number', async () => {
    const clock = manualClock()
    let dropped = 0
    const own: EventType[] = []
    const { executor, only } = recorded({
      clock,
      tasks: [talk],
      observers: [
        {
          name: 'full',
          onEvent(event) {
            own.push(event.type)
            dropped += 1
          },
          counts: () => ({ delivered: 0, dropped, failed: 0, queued: 0 }),
        },
      ],
    })
    for (let round = 0; round < 10; round++) {
      await (await executor.enqueue(talk)).result()
      await clock.advance(250)
    }
    const closed = executor.close()
    await clock.advance(1_000)
    await closed
    const reports = only('observer.dropped')
    expect(reports.length).toBeGreaterThan(1)
    expect(reports.length).toBeLessThanOrEqual(4)
    // The last event is dropped too, and nothing comes after it to say so.
    expect(reports.reduce((total, { count }) => total + count, 0)).toBe(dropped - 1)
    expect(reports.every(({ observer, level }) => observer === 'full' && level === 'warning')).toBe(
      true,
    )
    expect(own).not.toContain('observer.dropped')
  })

  test('failures are reported to the others, at most once a second, with the exact number', async () => {
    const clock = manualClock()
    let thrown = 0
    const own: EventType[] = []
    const { executor, only } = recorded({
      clock,
      tasks: [talk],
      observers: [
        {
          name: 'bad',
          minLevel: 'debug',
          onEvent(event) {
            own.push(event.type)
            thrown += 1
            throw new TypeError(`number ${thrown}`)
          },
        },
      ],
    })
    for (let round = 0; round < 10; round++) {
      await (await executor.enqueue(talk)).result()
      await clock.advance(250)
    }
    const closed = executor.close()
    await clock.advance(1_000)
    await closed
    const reports = only('observer.error')
    expect(reports.length).toBeLessThanOrEqual(5)
    expect(reports.reduce((total, { count }) => total + count, 0)).toBe(thrown - 1)
    expect(reports[0]).toMatchObject({
      observer: 'bad',
      count: 1,
      level: 'warning',
      error: { name: 'TypeError', message: 'number 1' },
    })
    expect(own).not.toContain('observer.error')
  })
})

describe('start and stop', () => {
  test('observers start before any task runs and close after the last event', async () => {
    const steps: string[] = []
    const slow: Observer = {
      name: 'slow',
      async start() {
        steps.push('starting')
        await new Promise((resolve) => setTimeout(resolve, 5))
        steps.push('started')
      },
      onEvent: ({ type }) => void steps.push(type),
      async flush() {
        steps.push('flushing')
        await new Promise((resolve) => setTimeout(resolve, 5))
        steps.push('flushed')
      },
      close: () => void steps.push('closed'),
    }
    const task = defineTask({ name: 'body', run: () => void steps.push('body') })
    const executor = createExecutor({ tasks: [task], observers: [slow] })
    await (await executor.enqueue(task)).result()
    await executor.close()
    expect(steps).toEqual([
      'starting',
      'started',
      'executor.started',
      'attempt.started',
      'body',
      'task.succeeded',
      'executor.closed',
      'flushing',
      'flushed',
      'closed',
    ])
  })

  test('one whose start throws or rejects is attached all the same, and told on', async () => {
    const { executor, only } = recorded({
      tasks: [talk],
      observers: [
        {
          name: 'throws',
          onEvent() {},
          start() {
            throw new Error('a')
          },
        },
        { name: 'rejects', onEvent() {}, start: () => Promise.reject(new Error('b')) },
      ],
    })
    await (await executor.enqueue(talk)).result()
    expect(only('observer.error').map(({ observer, error }) => [observer, error.message])).toEqual([
      ['throws', 'a'],
      ['rejects', 'b'],
    ])
    expect(executor.stats().observers.every(({ emitted }) => emitted > 0)).toBe(true)
  })

  test('one whose start hangs holds up the start for 5 s, not longer', async () => {
    const clock = manualClock()
    const { executor, only } = recorded({
      clock,
      tasks: [talk],
      observers: [{ name: 'hangs', onEvent() {}, start: () => new Promise(() => {}) }],
    })
    const enqueued = executor.enqueue(talk)
    await clock.advance(4_999)
    expect(executor.stats().phase).toBe('starting')
    await clock.advance(1)
    await (await enqueued).result()
    expect(only('observer.error')[0]).toMatchObject({ observer: 'hangs' })
  })

  test('says what went wrong outside onEvent through the host it is given', async () => {
    let report: ((error: unknown) => void) | undefined
    const own: EventType[] = []
    const { executor, only } = recorded({
      observers: [
        {
          name: 'remote',
          start: (host) => void (report = host?.report),
          onEvent: ({ type }) => void own.push(type),
        },
      ],
    })
    await executor.start()
    report?.(new Error('connection lost'))
    expect(only('observer.error')).toMatchObject([
      { observer: 'remote', error: { message: 'connection lost' } },
    ])
    expect(own).not.toContain('observer.error')
  })
})

describe('events.on', () => {
  test('is called for its type whatever the level, with this until it is ended', async () => {
    const executor = createExecutor({ tasks: [talk], observers: [] })
    const seen: string[] = []
    const off = executor.events.on(
      'task.enqueued',
      ({ taskName, priority }) => void seen.push(`${taskName} ${priority}`),
    )
    executor.events.once('task.log', ({ message }) => void seen.push(message))
    await (await executor.enqueue(talk)).result()
    off()
    off()
    await (await executor.enqueue(talk)).result()
    expect(seen).toEqual(['talk 0', 'd'])
    await executor.close()
  })

  test('a listener that throws or rejects stops no other, and is told on, but not to itself', async () => {
    const clock = manualClock()
    const { executor, only } = recorded({ tasks: [talk], clock })
    const seen: string[] = []
    executor.events.on('task.enqueued', () => {
      throw new Error('first')
    })
    executor.events.on('task.enqueued', () => Promise.reject(new Error('second')))
    executor.events.on('task.enqueued', () => void seen.push('third'))
    let told = 0
    executor.events.on('observer.error', () => {
      told += 1
      throw new Error('again')
    })
    await (await executor.enqueue(talk)).result()
    await clock.advance(60_000)
    expect(seen).toEqual(['third'])
    expect(only('observer.error').map(({ observer, count }) => [observer, count])).toEqual([
      ['events.on(task.enqueued)', 1],
      ['events.on(observer.error)', 1],
      ['events.on(task.enqueued)', 1],
      ['events.on(observer.error)', 1],
    ])
    expect(told).toBe(2)
  })

  test('takes ten thousand listeners without a warning', async () => {
    const executor = createExecutor({ tasks: [talk], observers: [] })
    const warnings: unknown[] = []
    const note = (warning: unknown): void => void warnings.push(warning)
    process.on('warning', note)
    let calls = 0
    const offs = Array.from({ length: 10_000 }, () =>
      executor.events.on('task.enqueued', () => void (calls += 1)),
    )
    await (await executor.enqueue(talk)).result()
    expect(calls).toBe(10_000)
    for (const off of offs) off()
    await (await executor.enqueue(talk)).result()
    expect(calls).toBe(10_000)
    process.off('warning', note)
    expect(warnings).toEqual([])
    await executor.close()
  })
})

describe('re-entering from onEvent', () => {
  test('an observer may enqueue: the events of that come after, in order', async () => {
    const { executor, events } = recorded({
      tasks: [talk, fail],
      observers: [
        {
          onLifecycle(event) {
            if (event.type === 'task.succeeded' && event.taskName === 'talk')
              void executor.enqueue(fail)
          },
        },
        recorder('second'),
      ],
    })
    await (await executor.enqueue(talk)).result()
    await executor.drain()
    expect(typesOf(events).slice(-4)).toEqual([
      'task.enqueued',
      'attempt.started',
      'attempt.failed',
      'task.failed',
    ])
    expect(await executor.counts()).toMatchObject({ succeeded: 1, failed: 1 })
  })

  test('an observer may attach and detach others and itself; nobody gets an event twice or after its end', async () => {
    const record = recorder('added')
    const doomed = recorder('doomed')
    const offs: (() => Promise<void>)[] = []
    let own = 0
    const { executor } = recorded({ tasks: [talk] })
    await executor.start()
    offs.push(
      executor.observe({
        onEvent(event) {
          own += 1
          if (event.type !== 'attempt.started') return
          executor.observe(record)
          for (const off of offs) void off()
        },
      }),
    )
    offs.push(executor.observe(doomed))
    const handle = await executor.enqueue(talk)
    await handle.result()
    expect(own).toBe(1)
    expect(typesOf(doomed.events)).toEqual(['task.enqueued'])
    expect(typesOf(record.events)).toEqual([
      'task.log',
      'task.log',
      'task.log',
      'task.log',
      'task.succeeded',
    ])
  })

  test('an observer may close the executor', async () => {
    let closed: Promise<void> | undefined
    const { executor, types } = recorded({
      tasks: [talk],
      observers: [
        {
          onLifecycle: (event) =>
            void (event.type === 'task.succeeded' && (closed = executor.close())),
        },
      ],
    })
    await (await executor.enqueue(talk)).result()
    await closed
    expect(types().at(-1)).toBe('executor.closed')
  })

  test('an observer may ask for stats, records and cancels', async () => {
    const statuses: (string | undefined)[] = []
    const asked: Promise<unknown>[] = []
    const { executor } = recorded({
      tasks: [talk],
      observers: [
        {
          minLevel: 'debug',
          onLifecycle(event) {
            if (!('taskId' in event)) return
            executor.stats()
            asked.push(executor.get(event.taskId).then((record) => statuses.push(record?.status)))
            if (event.type === 'task.succeeded') asked.push(executor.cancel(event.taskId))
          },
        },
      ],
    })
    await (await executor.enqueue(talk)).result()
    await Promise.all(asked)
    expect(statuses.at(-1)).toBe('succeeded')
  })
})
