/** Gives an observer the detail of attempts that fail, and of no others. */

import {
  EVENT_LEVELS,
  type EventType,
  type PlainsightEvent,
  type TaskEvent,
} from '../events/event.ts'
import { parseMinLevel } from '../events/level-filter.ts'
import { InvalidOptionsError } from '../task/errors.ts'
import { exactCounts } from '../task/exact-counts.ts'
import { LEVELS, parseLevel, type Level, type LevelInput } from '../task/level.ts'
import { reading } from '../task/reading.ts'
import { isTaskEvent } from './event-words.ts'
import { heldAttempts } from './held-attempts.ts'
import type { MinLevel, Observer, ObserverCounts, ObserverHooks } from './observer.ts'
import { checkBound, readOptions } from './observer-options.ts'

/** Options of {@link flightRecorder}. */
export interface FlightRecorderOptions {
  /** The lowest level that is held. Default `debug`. */
  readonly keep?: LevelInput | undefined
  /** The event types, one or several, that make an attempt's detail worth having. Default `attempt.failed`. */
  readonly flushOn?: EventType | readonly EventType[] | undefined
  /** Events held per attempt; the oldest beyond are dropped and counted. Default 1,000. */
  readonly maxEventsPerAttempt?: number | undefined
  /** Attempts of which something is held; beyond, the one that began first loses it all. Default 1,000. */
  readonly maxAttempts?: number | undefined
  /** About how much memory what is held may take; beyond, the oldest of the longest running attempt go. Default 16,777,216 (16 MiB). */
  readonly maxBytes?: number | undefined
}

/** An observer that holds detail back. */
export interface FlightRecorder extends Observer {
  readonly name: string
  /** Events that were held, or not wanted, and let go as intended: they count as delivered. */
  readonly discarded: number
  onEvent(event: PlainsightEvent): void
  counts(): ObserverCounts
}

const WHERE = 'flightRecorder: '
const OPTION_NAMES = ['keep', 'flushOn', 'maxEventsPerAttempt', 'maxAttempts', 'maxBytes']

/**
 * Passes on at once what `inner` asks for by its own `minLevel`, `types` and `lifecycle`. Other events from `keep` up are
 * held while their attempt runs, and delivered only if it fails: in `seq` order, just before the event of `flushOn` that says so,
 * which is delivered in any case. What an attempt says after that goes through at once. When an attempt ends in another way its detail is
 * let go. So `inner` sees each event at most once, and held ones later than younger ones that it asked for.
 *
 * `counts()` are those of `inner`, and: what is held is `queued`; what is let go as intended is `delivered`, since
 * nothing went wrong (`discarded` says how much); what a bound pushed out is `dropped`.
 *
 * Everything from `keep` up is built for a flight recorder: that is its price.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS when `inner` is no observer, or an option is wrong or unknown
 * @example
 * createExecutor({ tasks, observers: [flightRecorder(consoleObserver({ minLevel: 'warning' }))] })
 */
export function flightRecorder(
  inner: Observer,
  options: FlightRecorderOptions = {},
): FlightRecorder {
  const given = readOptions(options, OPTION_NAMES, WHERE)
  const { maxEventsPerAttempt = 1_000, maxAttempts = 1_000, maxBytes = 16 * 1_048_576 } = given
  reading('inner', WHERE, () => checkInner(inner))
  checkBound('maxEventsPerAttempt', maxEventsPerAttempt, WHERE)
  checkBound('maxAttempts', maxAttempts, WHERE)
  checkBound('maxBytes', maxBytes, WHERE)
  const keep = parseLevel(given.keep ?? 'debug', 'keep')
  const triggers = reading('flushOn', WHERE, () => readTriggers(given.flushOn))
  const held = heldAttempts({ maxEventsPerAttempt, maxAttempts, maxBytes })
  const { takes, wants, filter, hooks } = reading('inner', WHERE, () => {
    const taken = takenBy(inner)
    return {
      takes: taken,
      wants: wantedBy(inner, taken),
      filter: filterOf(inner, keep, triggers),
      hooks: delegated(inner),
    }
  })
  let discarded = 0
  /** Of those that `inner` was given. */
  let handed = 0
  let failed = 0
  let pending = 0
  let report: (error: unknown) => void = () => {}
  let executors = 0

  function hand(event: PlainsightEvent): void {
    handed += 1
    const answers: unknown[] = []
    let thrown: { readonly error: unknown } | undefined
    for (const method of methodsFor(event)) {
      // Each in its own try: what one does is no reason to leave the other out.
      try {
        answers.push((inner[method] as ((event: PlainsightEvent) => unknown) | undefined)?.(event))
      } catch (error) {
        thrown ??= { error }
      }
    }
    if (thrown !== undefined) {
      failed += 1
      report(thrown.error)
    }
    const promises = answers.filter((answer) => answer instanceof Promise)
    if (promises.length > 0) follow(promises, thrown !== undefined)
  }

  function follow(promises: readonly Promise<unknown>[], hasFailed: boolean): void {
    if (!hasFailed) pending += 1
    void Promise.allSettled(promises).then((ends) => {
      if (!hasFailed) pending -= 1
      const bad = ends.find((end) => end.status === 'rejected')
      if (bad === undefined) return
      if (!hasFailed) failed += 1
      report(bad.reason)
    })
  }

  function ownCounts(): ObserverCounts {
    const own = exactCounts(() => inner.counts?.(), handed)
    return own ?? { delivered: handed - failed - pending, dropped: 0, failed, queued: pending }
  }

  return {
    ...filter,
    ...hooks,
    get discarded() {
      return discarded
    },
    start(host?: ObserverHooks) {
      executors += 1
      if (host !== undefined) report = (error) => host.report(error)
      return inner.start?.(host)
    },
    onEvent(event) {
      if (!isTaskEvent(event)) {
        if (wants(event)) hand(event)
        else discarded += 1
        return
      }
      if (event.type === 'attempt.started') discarded += held.forget(event)
      if (triggers.has(event.type)) {
        for (const each of held.release(event)) hand(each)
        if (takes(event)) hand(event)
        else discarded += 1
      } else if (wants(event) || (takes(event) && held.isReleased(event))) {
        hand(event)
      } else if (takes(event) && isDetail(event) && LEVELS[event.level] >= LEVELS[keep]) {
        held.hold(event)
      } else {
        discarded += 1
      }
      if (ENDS.has(event.type)) discarded += held.forget(event)
    },
    close() {
      executors = Math.max(0, executors - 1)
      // Of attempts that nobody will see the end of; while another executor runs, its own are among them.
      if (executors === 0) discarded += held.clear()
      return inner.close?.()
    },
    counts() {
      const own = ownCounts()
      return {
        delivered: own.delivered + discarded,
        dropped: own.dropped + held.dropped,
        failed: own.failed,
        queued: own.queued + held.size,
      }
    },
  }
}

function methodsFor(event: PlainsightEvent): readonly ('onEvent' | 'onLog' | 'onLifecycle')[] {
  return event.type === 'task.log' ? ['onEvent', 'onLog'] : ['onEvent', 'onLifecycle']
}

/** What an attempt says. The two that tell of a body that ran on come when the attempt is over. */
function isDetail(event: TaskEvent): boolean {
  if (event.type === 'attempt.overrun' || event.type === 'attempt.discarded') return false
  return event.status === 'running' || event.type.startsWith('attempt.')
}

/** Whether `inner` has a use for an event, whatever its level. */
function takenBy(inner: Observer): (event: PlainsightEvent) => boolean {
  const takesAll = inner.onEvent !== undefined
  const takesLogs = takesAll || inner.onLog !== undefined
  const takesOthers = takesAll || inner.onLifecycle !== undefined
  const types = new Set(inner.types)
  return (event) => {
    if (event.type === 'task.log') return takesLogs
    return takesOthers && (inner.lifecycle !== false || types.has(event.type))
  }
}

/** Whether `inner` asked for an event, as the executor would decide it. */
function wantedBy(
  inner: Observer,
  takes: (event: PlainsightEvent) => boolean,
): (event: PlainsightEvent) => boolean {
  const { floor, floorFor } = parseMinLevel(inner.minLevel)
  const types = new Set(inner.types)
  return (event) =>
    takes(event) && (types.has(event.type) || LEVELS[event.level] >= (floorFor?.(event) ?? floor))
}

/** What the executor has to send: all that `inner` wants, all that is held, and what says how an attempt goes. */
function filterOf(
  inner: Observer,
  keep: Level,
  triggers: ReadonlySet<EventType>,
): { name: string; minLevel: MinLevel; types: readonly EventType[]; lifecycle?: boolean } {
  const types = new Set<EventType>([
    ...(inner.types ?? []),
    ...triggers,
    'attempt.started',
    ...ENDS,
  ])
  const name = typeof inner.name === 'string' && inner.name !== '' ? inner.name : 'flight-recorder'
  const minLevel = loweredTo(keep, inner.minLevel)
  const isLogsOnly = inner.lifecycle === false
  return { name, minLevel, types: [...types], ...(isLogsOnly ? { lifecycle: false } : undefined) }
}

/** After these an attempt says no more, but that its body ran on. */
const ENDS: ReadonlySet<EventType> = new Set([
  'task.succeeded',
  'task.failed',
  'task.cancelled',
  'task.interrupted',
  'task.requeued',
  'task.expired',
])

function loweredTo(keep: Level, minLevel: MinLevel | undefined): MinLevel {
  const lower = (level: LevelInput): Level => {
    const own = parseLevel(level, 'minLevel')
    return LEVELS[own] < LEVELS[keep] ? own : keep
  }
  if (typeof minLevel !== 'object' || minLevel === null) return lower(minLevel ?? 'info')
  const rules = Object.entries(minLevel).map(([rule, level]) => [rule, lower(level)] as const)
  return { default: lower('info'), ...Object.fromEntries(rules) }
}

/** The rest of `inner`, as far as it has it. */
function delegated(
  inner: Observer,
): Pick<Observer, 'flush' | 'isIdle' | 'wrapEnqueue' | 'wrapRun' | 'runInternal'> {
  const { flush, isIdle, wrapEnqueue, wrapRun, runInternal } = inner
  return {
    flush: () => flush?.call(inner),
    ...(isIdle && { isIdle: isIdle.bind(inner) }),
    ...(wrapEnqueue && { wrapEnqueue: wrapEnqueue.bind<typeof wrapEnqueue>(inner) }),
    ...(wrapRun && { wrapRun: wrapRun.bind(inner) }),
    ...(runInternal && { runInternal: runInternal.bind<typeof runInternal>(inner) }),
  }
}

function checkInner(inner: unknown): void {
  const methods = ['onEvent', 'onLog', 'onLifecycle']
  const found = inner as Record<string, unknown> | null | undefined
  if (typeof inner === 'object' && methods.some((name) => typeof found?.[name] === 'function'))
    return
  throw new InvalidOptionsError('inner', `an observer with ${methods.join(' or ')}`, inner, WHERE)
}

function readTriggers(given: unknown): ReadonlySet<EventType> {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given ?? 'attempt.failed']
  const wrong = list.find((type) => !isTrigger(type))
  if (list.length > 0 && wrong === undefined) return new Set(list as readonly EventType[])
  const expected = 'one or more types of events about a task, such as "attempt.failed"'
  throw new InvalidOptionsError('flushOn', expected, list.length === 0 ? given : wrong, WHERE)
}

function isTrigger(type: unknown): boolean {
  if (typeof type !== 'string' || !Object.hasOwn(EVENT_LEVELS, type)) return false
  return /^(task|attempt|hook)\./.test(type)
}
