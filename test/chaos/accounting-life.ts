/** One life of an executor with observers of every kind, and an account of every event. */

import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import {
  createExecutor,
  defineTask,
  memoryBackend,
  type Executor,
  type Observer,
  type PlainsightEvent,
} from '../../src/index.ts'
import { faultyBackend } from '../../src/testing/faulty-backend.ts'
import type { Random } from '../support/random.ts'
import { SINKS, type Sink } from './accounting-sinks.ts'

export interface LifeReport {
  readonly breaches: readonly string[]
  /** Over all observers. */
  readonly emitted: number
  readonly delivered: number
  readonly dropped: number
  readonly failed: number
  /** `observer.dropped` events. */
  readonly dropReports: number
}

type Stats = ReturnType<Executor['stats']>['observers'][number]

/** Long enough for two reports, which come once a second. */
const LIFE_MS = 2_300
const REPORT_INTERVAL_MS = 1_000
/** By so much a timer of Node's may be early. */
const TIMER_MS = 5

interface Account {
  readonly sink: Sink
  readonly passes: (event: PlainsightEvent) => boolean
  /** What the journal saw that the observer has to be given. */
  expected: number
  isAttached: boolean
  /** Sums of the reports about it. */
  dropReported: number
  lastDropReportAt: number
  errorReported: number
}

export async function accountingLife(random: Random): Promise<LifeReport> {
  const breaches: string[] = []
  const accounts = new Map<string, Account>()
  let dropReports = 0
  let published = 0
  let isStoreAway = false
  let atEnd: readonly Stats[] = []
  /** Reports in a row, up to now: those at the end are the last events but one. */
  let lastReports = 0

  const open = (kind: string, name: string): Observer => {
    const sink = (SINKS[kind] as (typeof SINKS)[string])(random, name)
    accounts.set(name, {
      sink,
      passes: passes(sink.observer),
      expected: 0,
      isAttached: true,
      dropReported: 0,
      lastDropReportAt: -Infinity,
      errorReported: 0,
    })
    return sink.observer
  }

  /** First of all observers: what it sees is what there is. */
  const journal: Observer = {
    name: 'journal',
    minLevel: 'debug',
    onEvent(event) {
      published += 1
      if (event.type !== 'executor.closed')
        lastReports = event.type.startsWith('observer.') ? lastReports + 1 : 0
      if (event.type === 'observer.dropped' || event.type === 'observer.error') tell(event)
      if (event.type === 'executor.closed') atEnd = executor.stats().observers
      for (const [name, account] of accounts) {
        const isAboutIt = 'observer' in event && event.observer === name
        if (account.isAttached && !isAboutIt && account.passes(event)) account.expected += 1
      }
      if (published % 50 === 0) checkIdentity('within an event')
    },
  }

  function tell(event: PlainsightEvent & { type: 'observer.dropped' | 'observer.error' }): void {
    const account = accounts.get(event.observer)
    if (account === undefined) {
      breaches.push(`${event.type} about "${event.observer}"`)
    } else if (event.type === 'observer.error') {
      account.errorReported += event.count
    } else {
      dropReports += 1
      account.dropReported += event.count
      const { dropped } = statsOf(event.observer)
      if (dropped !== account.dropReported)
        breaches.push(`${event.observer}: dropped ${dropped}, reported ${account.dropReported}`)
      const now = performance.now()
      const isEarly = now - account.lastDropReportAt < REPORT_INTERVAL_MS - TIMER_MS
      // The last one does not wait for its second.
      if (isEarly && !isClosing) breaches.push(`${event.observer}: two reports within a second`)
      account.lastDropReportAt = now
    }
  }

  function statsOf(name: string): Stats {
    const found = executor.stats().observers.find((each) => each.name === name)
    if (found === undefined) throw new Error(`no observer "${name}"`)
    return found
  }

  function checkIdentity(when: string): void {
    for (const stats of executor.stats().observers) {
      const { emitted, delivered, dropped, failed, queued } = stats
      if (emitted !== delivered + dropped + failed + queued)
        breaches.push(`${when}: ${JSON.stringify(stats)}`)
    }
  }

  const observers = Object.keys(SINKS).map((kind) => open(kind, kind))
  const noisy = defineTask({
    name: 'noisy',
    retries: 1,
    backoff: { delay: 1, jitter: 'none' },
    async run(_input: unknown, { attempt, log, progress }) {
      for (let line = random.below(8); line > 0; line--) log('a line', { line })
      progress(1, 2)
      if (random() < 0.2) await turn()
      if (random() < 0.3) throw new Error(`attempt ${attempt} fails`)
      log.warning('after')
    },
  })
  let isClosing = false
  const executor = createExecutor({
    tasks: [noisy],
    observers: [journal, ...observers],
    backend: faultyBackend(memoryBackend(), ({ method }) =>
      isStoreAway && method !== 'open' && method !== 'close' ? 'failBefore' : undefined,
    ),
  })
  await executor.start()
  const endsAt = performance.now() + LIFE_MS
  let guests = 0
  let detach: (() => Promise<void>) | undefined
  let guest = ''
  while (performance.now() < endsAt) {
    const count = 1 + random.below(20)
    const enqueued = Array.from({ length: count }, () => executor.enqueue(noisy).catch(() => {}))
    if (random() < 0.1) isStoreAway = !isStoreAway
    if (random() < 0.15 && detach === undefined) {
      guest = `guest-${guests++}`
      detach = executor.observe(open(random.pick(Object.keys(SINKS)), guest))
    } else if (random() < 0.15 && detach !== undefined) {
      checkIdentity('before a detach')
      const account = accounts.get(guest)
      if (account !== undefined) account.isAttached = false
      void detach()
      detach = undefined
    }
    await Promise.all(enqueued)
    await sleep(5 + random.below(35))
    checkIdentity('between two steps')
  }
  isStoreAway = false
  isClosing = true
  await executor.close({ grace: random.below(300) })

  const last = executor.stats().observers
  for (const [name, account] of accounts) {
    const { sink, expected } = account
    breaches.push(...sink.breaches.map((breach) => `${name}: ${breach}`))
    if (sink.received() !== expected)
      breaches.push(`${name}: was given ${sink.received()} events, ${expected} were its`)
    const stats = last.find((each) => each.name === name)
    if (stats === undefined) continue
    if (stats.emitted !== expected)
      breaches.push(`${name}: emitted ${stats.emitted} of ${expected}`)
    for (const [count, truth] of Object.entries(sink.truth())) {
      const said = stats[count as keyof Stats]
      if (said !== truth) breaches.push(`${name}: ${count} ${said}, in truth ${truth}`)
    }
    const droppedAtEnd = atEnd.find((each) => each.name === name)?.dropped ?? 0
    // The last reports are events themselves, and a full queue drops for them: nobody is left to tell of that.
    if (droppedAtEnd - account.dropReported > lastReports)
      breaches.push(`${name}: dropped ${droppedAtEnd}, reported ${account.dropReported}`)
  }
  checkIdentity('after the end')
  for (const { sink } of accounts.values()) sink.dispose?.()
  const sum = (count: 'emitted' | 'delivered' | 'dropped' | 'failed'): number =>
    last.reduce((total, each) => total + each[count], 0)
  return {
    breaches,
    emitted: sum('emitted'),
    delivered: sum('delivered'),
    dropped: sum('dropped'),
    failed: sum('failed'),
    dropReports,
  }
}

/** Whether an event is meant for an observer: by its level, or by its type. */
function passes(observer: Observer): (event: PlainsightEvent) => boolean {
  const ranks = { debug: 0, info: 1, warning: 2, error: 3 }
  const least = ranks[(observer.minLevel ?? 'info') as keyof typeof ranks]
  return ({ level, type }) => ranks[level] >= least || observer.types?.includes(type) === true
}
