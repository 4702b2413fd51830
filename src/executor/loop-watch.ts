/**
 * Finds out who blocks the event loop. Looks at the clock ten times a second while something happens, and at both ends
 * of the synchronous part of each body. What that cannot explain (code after an `await`, observers) makes it look closer for a
 * while: then every callback of the process, and every delivery to an observer, is timed.
 */

import { createHook } from 'node:async_hooks'
import { currentScope } from '../context/scope.ts'
import type { LoopMarks } from '../events/bus.ts'
import type { LoopBlocker } from '../events/event.ts'
import { systemClock } from './system-clock.ts'

/** What a watch needs of its executor. */
export interface LoopWatchHost {
  /** Runs `body` in the executor's own async context. */
  inBase<T>(body: () => T): T
  isWanted(): boolean
  /** Whether attempts are running. */
  isBusy(): boolean
  /** The attempt, when `running` is one of this executor. */
  attempt(running: object): Omit<LoopBlocker, 'observer' | 'blockedMs'> | undefined
  publish(blockedMs: number, by: readonly LoopBlocker[]): void
}

export interface LoopWatch extends LoopMarks {
  /** A stretch begins, or began at an instant of the system's monotonic clock that has just been read. */
  enter(sinceMs?: number): void
  /** The longest, in ms, that the loop has stood still since an instant of the system's monotonic clock, as far as it was seen. */
  delaySince(sinceMs: number): number
  close(): void
}

const { monotonic } = systemClock

const TICK_MS = 100
/** A block that is longer is told. */
const BLOCKED_MS = 200
/** A block is told together with the worse of those that follow within this time. */
const REPORT_INTERVAL_MS = 1_000
/** Shorter stretches are not worth a note. */
const NOTE_MS = 10
/** Who took less of a block than this part is not named. */
const MIN_PART = 0.1
const MAX_NAMED = 5
/** How long it looks closer, and how long it then does not, unless it has found somebody. */
const CLOSE_MS = 30_000
const REST_MS = 60_000
/** Delays that are remembered, and how long one has to be. */
const MAX_DELAYS = 32
const DELAY_MS = 50

interface Block {
  readonly blockedMs: number
  readonly by: readonly LoopBlocker[]
}

/** A watch that costs nothing until `enter` is called. */
export function createLoopWatch(host: LoopWatchHost): LoopWatch {
  let timer: NodeJS.Timeout | undefined
  let dueAt = 0
  let cpuMs = 0
  let worst: Block | undefined
  let lastReportAt = -Infinity
  let closeUntil = 0
  let restUntil = 0
  let isClosed = false
  /** Who took how long since the last tick, without what was nested in it. */
  const spent = new Map<object, number>()
  const delays: { readonly at: number; readonly ms: number }[] = []
  // Stretches that are under way, the innermost last. Arrays of numbers: a stretch allocates nothing.
  const starts: number[] = []
  const nested: number[] = []
  const delivered: number[] = []
  let depth = 0
  let deliveriesBefore = 0

  const hook = createHook({
    before: () => watch.enter(),
    // The scope is still that of the callback.
    after: () => watch.leave(currentScope()?.attempt),
  })

  const watch: LoopWatch = {
    isQuick: false,
    isClose: false,
    deliveries: 0,
    wake,
    enter(sinceMs) {
      wake()
      if (timer === undefined) return
      starts[depth] = sinceMs ?? monotonic()
      nested[depth] = 0
      delivered[depth] = watch.deliveries
      depth += 1
    },
    leave(who) {
      if (depth === 0) return
      depth -= 1
      const ms = monotonic() - (starts[depth] as number)
      if (depth > 0) nested[depth - 1] = (nested[depth - 1] as number) + ms
      const own = ms - (nested[depth] as number)
      if (own < NOTE_MS || who === undefined) return
      // It may have been one of the observers: they are timed only when the watch is close.
      if (!watch.isClose && delivered[depth] !== watch.deliveries) return
      spent.set(who, (spent.get(who) ?? 0) + own)
    },
    delaySince(sinceMs) {
      const now = monotonic()
      let longest = timer === undefined ? 0 : Math.min(now - dueAt, now - sinceMs)
      for (const { at, ms } of delays) {
        if (at > sinceMs && ms > longest) longest = ms
      }
      return longest >= DELAY_MS ? longest : 0
    },
    close() {
      isClosed = true
      sleep()
    },
  }

  function wake(): void {
    if (timer !== undefined || isClosed || !host.isWanted()) return
    watch.isQuick = true
    depth = 0
    dueAt = monotonic() + TICK_MS
    cpuMs = threadCpuMs()
    // Whoever woke it may be a task: nothing of the watch is to happen in its context.
    timer = host.inBase(() => setInterval(tick, TICK_MS)).unref()
  }

  function sleep(): void {
    clearInterval(timer)
    timer = undefined
    spent.clear()
    look(false)
    watch.isQuick = false
  }

  function look(closer: boolean): void {
    if (watch.isClose === closer) return
    watch.isClose = closer
    watch.isQuick = !closer
    if (closer) hook.enable()
    else hook.disable()
  }

  function tick(): void {
    const now = monotonic()
    const late = now - dueAt
    const cpuBefore = cpuMs
    cpuMs = threadCpuMs()
    dueAt = now + TICK_MS
    // Whatever threw out of a stretch has left it; the tick itself is one, when they are timed.
    depth = watch.isClose ? 1 : 0
    if (late >= DELAY_MS) {
      delays.push({ at: now, ms: late })
      if (delays.length > MAX_DELAYS) delays.shift()
    }
    const longest = Math.max(late, ...spent.values())
    // A process that was stopped, or a machine that slept, has used no processor, and nobody is to blame.
    if (longest > BLOCKED_MS) judge(now, Math.min(longest, cpuMs - cpuBefore))
    spent.clear()
    if (watch.isClose && now >= closeUntil) {
      look(false)
      restUntil = now + REST_MS
    }
    if (worst !== undefined && now - lastReportAt >= REPORT_INTERVAL_MS) report(now, worst)
    const isIdle = watch.deliveries === deliveriesBefore && !host.isBusy()
    deliveriesBefore = watch.deliveries
    if (isIdle && worst === undefined && !watch.isClose) sleep()
  }

  function judge(now: number, blockedMs: number): void {
    if (blockedMs <= BLOCKED_MS) return
    const by = blockers(blockedMs)
    const known = by.reduce((sum, each) => sum + each.blockedMs, 0)
    if (worst === undefined || blockedMs > worst.blockedMs) {
      worst = { blockedMs: Math.round(blockedMs), by }
    }
    const isKnown = known >= blockedMs / 2
    if (isKnown && !watch.isClose) return
    if (isKnown || now >= restUntil) {
      closeUntil = watch.isClose && !isKnown ? closeUntil : now + CLOSE_MS
      look(true)
    }
  }

  function blockers(blockedMs: number): readonly LoopBlocker[] {
    const by: LoopBlocker[] = []
    for (const [who, ms] of spent) {
      if (ms < blockedMs * MIN_PART) continue
      const took = { blockedMs: Math.round(Math.min(ms, blockedMs)) }
      if (isListener(who)) by.push({ observer: who.name, ...took })
      else {
        const attempt = host.attempt(who)
        if (attempt !== undefined) by.push({ ...attempt, ...took })
      }
    }
    return by.toSorted((a, b) => b.blockedMs - a.blockedMs).slice(0, MAX_NAMED)
  }

  function report(now: number, { blockedMs, by }: Block): void {
    worst = undefined
    lastReportAt = now
    if (host.isWanted()) host.publish(blockedMs, by)
  }

  return watch
}

function isListener(who: object): who is { readonly name: string } {
  return 'name' in who && 'receive' in who
}

/** Of this thread where Node can tell (from 23.9 on), else of the process. */
function threadCpuMs(): number {
  const usage = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (usage.user + usage.system) / 1_000
}
