/** The in-process fan-out of events: synchronous, in order, and unable to fail. */

import { EventEmitter } from 'eventemitter3'
import { InvalidOptionsError } from '../task/errors.ts'
import { LEVELS, rankOf, SILENT } from '../task/level.ts'
import type { Writable } from '../task/writable.ts'
import { EVENT_LEVELS, type EventOf, type EventType, type PlainsightEvent } from './event.ts'
import type { LevelFilter } from './level-filter.ts'

/** Something that receives events. */
export interface BusListener {
  readonly name: string
  filter: LevelFilter
  /** Types wanted whatever their level. */
  readonly types: ReadonlySet<EventType> | undefined
  /** Whether it wants other types than `task.log`; false leaves those in `types`. */
  readonly lifecycle: boolean
  /** The types that it can take at all: without a method for one, none is built for it. */
  readonly takes: 'all' | 'task.log' | 'lifecycle' | 'nothing'
  /** Must not throw: whoever attaches a listener guards it. */
  receive(event: PlainsightEvent): void
}

/** Where the bus leaves marks for whoever wants to know who takes the time. */
export interface LoopMarks {
  /** Nothing is to be done for a delivery but to count it. */
  isQuick: boolean
  /** Whether each delivery is to be timed. */
  isClose: boolean
  /** Events that were delivered without being timed. */
  deliveries: number
  /** Something happens: whoever looks at the time may have stopped. */
  wake(): void
  /** A stretch begins; one that is nested in another counts for itself alone. */
  enter(): void
  /** The innermost stretch ends: `who` took it. */
  leave(who: object | undefined): void
}

/** Typed subscriptions by event name. */
export interface EventSource {
  /** Calls `listener` for every event of `type`, whatever its level. Answers a function that ends it. */
  on<Type extends EventType>(type: Type, listener: (event: EventOf<Type>) => unknown): () => void
  /** As `on`, for the next event only. */
  once<Type extends EventType>(type: Type, listener: (event: EventOf<Type>) => unknown): () => void
}

export interface Bus {
  /** Whether anybody may want an event of this type: check it before building one. */
  readonly wanted: Readonly<Record<EventType, boolean>>
  /** The lowest rank at which anybody may want a `task.log`. */
  readonly logFloor: number
  /** Delivers to everybody whose filter the event passes. One published during a delivery waits its turn. */
  publish(event: PlainsightEvent, except?: BusListener): void
  attach(listener: BusListener): () => void
  /** Delivers nothing more, to nobody. */
  close(): void
  readonly events: EventSource
}

const TYPES = Object.keys(EVENT_LEVELS) as EventType[]

/** Where the events of one type go. */
interface Route {
  readonly receivers: readonly Receiver[]
  /** Whether anybody has asked for the type by name. */
  readonly isSubscribed: boolean
}

interface Receiver {
  readonly listener: BusListener
  /** It takes every event of the type: decided once, and not for each event. */
  readonly takesAll: boolean
}

/**
 * @param onListenerError - told of what an `events.on` listener threw or rejected with
 * @param onRoutesChange - told when `wanted` or `logFloor` may have changed
 * @param marks - where to say whose time it is
 */
export function createBus(
  onListenerError: (type: EventType, error: unknown) => void,
  onRoutesChange: () => void,
  marks?: LoopMarks,
): Bus {
  const emitter = new EventEmitter<EventType>()
  const wanted = Object.fromEntries(TYPES.map((type) => [type, false])) as Record<
    EventType,
    boolean
  >
  // Replaced as a whole when listeners come and go, so that a delivery under way keeps its list.
  let routes = new Map<EventType, Route>()
  // The one of `task.log`: most events are lines.
  let lineRoute: Route | undefined
  // The one of the latest other type: they come in runs.
  let latestType: EventType | undefined
  let latestRoute: Route | undefined
  let listeners: readonly BusListener[] = []
  let delivering = false
  let closed = false
  const queue: [PlainsightEvent, BusListener | undefined][] = []
  const subscriberMarks = new Map<EventType, object>()

  function reroute(): void {
    routes = new Map()
    latestType = undefined
    for (const type of TYPES) {
      const list = closed ? [] : listeners.filter((listener) => mayWant(listener, type))
      const receivers = list.map((listener) => ({ listener, takesAll: takesAll(listener, type) }))
      const isSubscribed = !closed && emitter.listenerCount(type) > 0
      routes.set(type, { receivers, isSubscribed })
      wanted[type] = isSubscribed || receivers.length > 0
    }
    let logFloor: number = !closed && emitter.listenerCount('task.log') > 0 ? LEVELS.debug : SILENT
    lineRoute = routes.get('task.log')
    for (const { listener } of lineRoute?.receivers ?? []) {
      const floor = listener.types?.has('task.log') === true ? LEVELS.debug : listener.filter.floor
      if (floor < logFloor) logFloor = floor
    }
    bus.logFloor = logFloor
    onRoutesChange()
  }

  function deliver(event: PlainsightEvent, except: BusListener | undefined): void {
    const { type } = event
    if (type !== 'task.log' && type !== latestType) {
      latestType = type
      latestRoute = routes.get(type)
    }
    const route = type === 'task.log' ? lineRoute : latestRoute
    if (route === undefined) return
    if (marks !== undefined) {
      if (!marks.isQuick) {
        marks.wake()
        if (marks.isClose) {
          deliverTimed(marks, route, event, except)
          return
        }
      }
      marks.deliveries += 1
    }
    for (const { listener, takesAll } of route.receivers) {
      if (listener !== except && (takesAll || passes(listener, event))) listener.receive(event)
    }
    if (route.isSubscribed && !closed) emitter.emit(event.type, event)
  }

  function deliverTimed(
    { enter, leave }: LoopMarks,
    { receivers, isSubscribed }: Route,
    event: PlainsightEvent,
    except: BusListener | undefined,
  ): void {
    for (const { listener } of receivers) {
      if (listener === except || !passes(listener, event)) continue
      enter()
      listener.receive(event)
      leave(listener)
    }
    if (closed || !isSubscribed) return
    enter()
    emitter.emit(event.type, event)
    leave(subscribers(event.type))
  }

  /** All listeners of `events.on(type)`, as one for those who time them. */
  function subscribers(type: EventType): object {
    let found = subscriberMarks.get(type)
    if (found === undefined) {
      found = { name: subscriberName(type), receive() {} }
      subscriberMarks.set(type, found)
    }
    return found
  }

  function subscribe<Type extends EventType>(
    type: Type,
    listener: (event: EventOf<Type>) => unknown,
    once: boolean,
  ): () => void {
    if (typeof type !== 'string' || !Object.hasOwn(EVENT_LEVELS, type)) {
      throw new InvalidOptionsError(
        'type',
        'an event type such as "task.failed"',
        type,
        'events.on: ',
      )
    }
    if (typeof listener !== 'function')
      throw new InvalidOptionsError('listener', 'a function', listener, 'events.on: ')
    // eventemitter3's emit stops at the first listener that throws: guard inside each one.
    const guarded = (event: EventOf<Type>): void => {
      // Its own failure is nothing to tell it, or it would fail again, for ever.
      if ('observer' in event && event.observer === subscriberName(type)) return
      if (once) off()
      try {
        const answer = listener(event)
        if (isThenable(answer))
          adopt(answer).catch((error: unknown) => onListenerError(type, error))
      } catch (error) {
        onListenerError(type, error)
      }
    }
    const off = (): void => {
      emitter.off(type, guarded)
      reroute()
    }
    emitter.on(type, guarded)
    reroute()
    return off
  }

  const bus: Writable<Bus> = {
    wanted,
    logFloor: SILENT,
    publish(event, except) {
      if (delivering) {
        queue.push([event, except])
        return
      }
      delivering = true
      try {
        deliver(event, except)
        while (queue.length > 0) {
          const next = queue.shift()
          if (next !== undefined) deliver(next[0], next[1])
        }
      } finally {
        delivering = false
      }
    },
    attach(listener) {
      listeners = [...listeners, listener]
      reroute()
      return () => {
        listeners = listeners.filter((each) => each !== listener)
        reroute()
      }
    },
    close() {
      closed = true
      emitter.removeAllListeners()
      reroute()
    },
    events: {
      on: (type, listener) => subscribe(type, listener, false),
      once: (type, listener) => subscribe(type, listener, true),
    },
  }
  return bus
}

/** Whether `value` can be awaited. A getter that throws makes it no. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/**
 * A native promise of what `thenable` comes to, however it behaves: one that throws, that settles twice, or whose `then`
 * rejects by itself.
 */
export function adopt(thenable: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const returned: unknown = thenable.then(resolve, reject)
    if (returned instanceof Promise) returned.catch(reject)
  })
}

/** How reports name the listeners of `events.on(type)`. */
export function subscriberName(type: EventType): string {
  return `events.on(${type})`
}

function mayWant(listener: BusListener, type: EventType): boolean {
  const { takes } = listener
  if (takes !== 'all' && takes !== (type === 'task.log' ? 'task.log' : 'lifecycle')) return false
  if (listener.types?.has(type) === true) return true
  // All that it says is in the other events, too: whoever wants them all wants no second telling.
  if (type === 'attempt.summary') return false
  if (type !== 'task.log' && !listener.lifecycle) return false
  // Of a level that differs from event to event, the highest decides.
  const highest =
    type === 'task.log' || type === 'task.failed'
      ? 'error'
      : type === 'attempt.failed'
        ? 'warning'
        : EVENT_LEVELS[type]
  return LEVELS[highest] >= listener.filter.floor
}

/** Whether a listener that may want this type takes every event of it. */
function takesAll({ types, filter }: BusListener, type: EventType): boolean {
  if (types?.has(type) === true) return true
  const isFixed = type !== 'task.log' && type !== 'task.failed' && type !== 'attempt.failed'
  return isFixed && filter.floorFor === undefined
}

function passes(listener: BusListener, event: PlainsightEvent): boolean {
  const { types, filter } = listener
  const { floor, floorFor } = filter
  const rank = rankOf(event.level)
  if (rank >= floor && (floorFor === undefined || rank >= floorFor(event))) return true
  return types?.has(event.type) === true
}
