import { describe, expect, test } from 'vitest'
import { adopt, createBus, isThenable, type BusListener } from '../../../src/events/bus.ts'
import type { EventType, PlainsightEvent } from '../../../src/events/event.ts'
import { parseMinLevel } from '../../../src/events/level-filter.ts'
import { sampleEvents } from '../../../src/testing.ts'

const events = sampleEvents()
const eventOf = (type: EventType): PlainsightEvent => {
  const found = events.find((event) => event.type === type)
  if (found === undefined) throw new Error(`no sample of ${type}`)
  return found
}

function listener(
  receive: (event: PlainsightEvent) => void,
  {
    minLevel = 'debug',
    types,
    lifecycle = true,
    takes = 'all',
  }: {
    minLevel?: string
    types?: readonly EventType[]
    lifecycle?: boolean
    takes?: BusListener['takes']
  } = {},
): BusListener {
  return {
    name: 'l',
    filter: parseMinLevel(minLevel),
    types: types && new Set(types),
    lifecycle,
    takes,
    receive,
  }
}

function bus() {
  const errors: unknown[] = []
  let changes = 0
  const made = createBus(
    (type, error) => void errors.push([type, error]),
    () => void (changes += 1),
  )
  return { ...made, bus: made, errors, changes: () => changes }
}

describe('the bus', () => {
  test('wants exactly the types that somebody may want, before any is built', () => {
    const { bus: made } = bus()
    const wanted = (): string[] =>
      Object.entries(made.wanted).flatMap(([type, is]) => (is ? [type] : []))
    expect(wanted()).toEqual([])
    const off = made.attach(listener(() => {}, { minLevel: 'error' }))
    expect(wanted()).toEqual(['task.log', 'task.failed'])
    off()
    const offLogs = made.attach(listener(() => {}, { lifecycle: false, types: ['task.enqueued'] }))
    expect(wanted()).toEqual(['task.enqueued', 'task.log'])
    offLogs()
    const offNone = made.attach(listener(() => {}, { takes: 'nothing', types: ['task.enqueued'] }))
    expect(wanted()).toEqual([])
    offNone()
    const offOn = made.events.on('queue.paused', () => {})
    expect(wanted()).toEqual(['queue.paused'])
    offOn()
    expect(wanted()).toEqual([])
  })

  test('knows the lowest level at which anybody wants a log line', () => {
    const { bus: made } = bus()
    const silent = made.logFloor
    const off = made.attach(listener(() => {}, { minLevel: 'warning' }))
    const warning = made.logFloor
    const offTypes = made.attach(listener(() => {}, { minLevel: 'error', types: ['task.log'] }))
    const debug = made.logFloor
    expect(silent).toBeGreaterThan(warning)
    expect(warning).toBeGreaterThan(debug)
    offTypes()
    expect(made.logFloor).toBe(warning)
    off()
    expect(made.logFloor).toBe(silent)
  })

  test('delivers an event published during a delivery after it, to everybody, in order', () => {
    const { bus: made } = bus()
    const seen: string[] = []
    made.attach(
      listener((event) => {
        seen.push(`a ${event.type}`)
        if (event.type === 'task.enqueued') {
          made.publish(eventOf('attempt.started'))
          made.publish(eventOf('task.succeeded'))
        }
      }),
    )
    made.attach(listener((event) => void seen.push(`b ${event.type}`)))
    made.publish(eventOf('task.enqueued'))
    expect(seen).toEqual([
      'a task.enqueued',
      'b task.enqueued',
      'a attempt.started',
      'b attempt.started',
      'a task.succeeded',
      'b task.succeeded',
    ])
  })

  test('leaves out the listener that an event is about', () => {
    const { bus: made } = bus()
    const seen: string[] = []
    const first = listener(() => void seen.push('first'))
    made.attach(first)
    made.attach(listener(() => void seen.push('second')))
    made.publish(eventOf('observer.error'), first)
    expect(seen).toEqual(['second'])
  })

  test('is silent for everybody once it is closed', () => {
    const { bus: made } = bus()
    let calls = 0
    made.attach(listener(() => void (calls += 1)))
    made.events.on('task.enqueued', () => void (calls += 1))
    made.close()
    made.publish(eventOf('task.enqueued'))
    made.attach(listener(() => void (calls += 1)))
    made.events.on('task.enqueued', () => void (calls += 1))
    made.publish(eventOf('task.enqueued'))
    expect(calls).toBe(0)
    expect(Object.values(made.wanted).some(Boolean)).toBe(false)
  })

  test('once is called once, also when it publishes the same type itself', () => {
    const { bus: made } = bus()
    let calls = 0
    made.events.once('task.enqueued', () => {
      calls += 1
      made.publish(eventOf('task.enqueued'))
    })
    made.publish(eventOf('task.enqueued'))
    made.publish(eventOf('task.enqueued'))
    expect(calls).toBe(1)
  })
})

describe('adopt', () => {
  test('of a rejected promise rejects with the same error', async () => {
    const error = new Error('no')
    await expect(adopt(Promise.reject(error))).rejects.toBe(error)
  })

  test.each<readonly [string, unknown, string]>([
    ['a promise', Promise.resolve('value'), 'value'],
    [
      'a thenable that throws',
      {
        then() {
          throw new Error('no')
        },
      },
      'Error: no',
    ],
    [
      'a thenable that rejects by itself',
      {
        async then() {
          throw new Error('no')
        },
      },
      'Error: no',
    ],
    [
      'a thenable that settles twice',
      {
        then(resolve: (v: string) => void, reject: (e: Error) => void) {
          resolve('first')
          reject(new Error('no'))
        },
      },
      'first',
    ],
  ])('of %s settles as that does', async (_what, thenable, expected) => {
    expect(isThenable(thenable)).toBe(true)
    expect(await adopt(thenable as PromiseLike<unknown>).catch(String)).toBe(expected)
  })
})
