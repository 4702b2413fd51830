/** Outage after outage of every kind: how soon tasks run and events arrive again, and whether anything is missing at the end. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { seededRandom, type Random } from '../../support/random.ts'
import type { CaseReport } from '../suite.ts'
import {
  account,
  accountOfTasks,
  breachesOf,
  breachesOfTasks,
  percentile,
  startLife,
  type Life,
} from './life.ts'
import { openPlace, outage, OUTAGES, type Outage, type Place } from './outages.ts'

const LIMIT_MS = 5_000
const WAIT_MS = 30_000

interface Back {
  readonly outage: string
  /** From the heal until a task enqueued after it has begun. */
  readonly ranMs: number
  /** Until an event emitted after it has been read from the stream. */
  readonly readMs: number
}

export interface OutagesReport extends CaseReport {
  readonly backs: readonly Back[]
}

/** `lanes`: so many at once, each with a Redis of its own. */
export async function manyOutages(
  count: number,
  seed: number,
  lanes: number,
): Promise<OutagesReport> {
  const random = seededRandom(seed)
  const queue = Array.from({ length: count }, (_, index) => OUTAGES[index % OUTAGES.length])
  const reports = await Promise.all(
    Array.from({ length: Math.min(lanes, count) }, (_, lane) =>
      oneLane(
        queue.filter((_each, index) => index % lanes === lane) as Outage[],
        seededRandom(random.below(1 << 30)),
      ),
    ),
  )
  const backs = reports.flatMap((report) => report.backs)
  const late = backs.filter(({ ranMs, readMs }) => Math.max(ranMs, readMs) > LIMIT_MS)
  const total = (key: Exclude<keyof LaneReport, 'backs' | 'breaches'>): number =>
    reports.reduce((sum, report) => sum + report[key], 0)
  const kinds = new Set(backs.map((back) => back.outage))
  return {
    backs,
    counts: `${backs.length} outages of ${kinds.size} kinds; a task runs again: ${worstAndMedian(backs, 'ranMs')}; an event is read again: ${worstAndMedian(backs, 'readMs')}; ${total('accepted')} tasks accepted, ${total('refused')} refused, ${total('lostTasks')} lost, ${total('twice')} ended twice; ${total('events')} events, ${total('lostEvents')} lost, ${total('duplicated')} duplicated`,
    breaches: [
      ...reports.flatMap((report) => report.breaches),
      ...late.map(
        (back) =>
          `after ${back.outage} tasks were back after ${back.ranMs} ms, events after ${back.readMs} ms`,
      ),
    ],
  }
}

function worstAndMedian(backs: readonly Back[], key: 'ranMs' | 'readMs'): string {
  const worst = backs.reduce((most, back) => (back[key] > most[key] ? back : most))
  const median = percentile(
    backs.map((back) => back[key]),
    0.5,
  )
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
  return `worst ${seconds(worst[key])} (${worst.outage}), median ${seconds(median)}`
}

interface LaneReport {
  readonly backs: readonly Back[]
  readonly breaches: readonly string[]
  readonly accepted: number
  readonly refused: number
  readonly lostTasks: number
  readonly twice: number
  readonly events: number
  readonly lostEvents: number
  readonly duplicated: number
}

/** A life that works, writes and reads through a Redis of its own, whose link and process can be hurt. */
export async function lifeAt(name: string, everyMs: number): Promise<LifeAt> {
  const directory = mkdtempSync(join(tmpdir(), `plainsight-${name}-`))
  const journal = join(directory, 'journal')
  const place = await openPlace()
  const life = await startLife({
    url: place.url,
    stream: 'events',
    journal,
    records: 'redis',
    reads: true,
    everyMs,
    workMs: 5,
    lines: 1,
  })
  return { directory, journal, place, life }
}

interface LifeAt {
  readonly directory: string
  readonly journal: string
  readonly place: Place
  readonly life: Life
}

async function oneLane(outages: readonly Outage[], random: Random): Promise<LaneReport> {
  const { directory, journal, place, life } = await lifeAt('outages', 40)
  const backs: Back[] = []
  try {
    await backAfter(life, Date.now())
    for (const each of outages) {
      const healedAt = await outage(each, place, 200 + random() * 1_500)
      backs.push({ outage: each.name, ...(await backAfter(life, healedAt)) })
      await sleep(random() * 500)
    }
    await life.enough()
    await life.delivered()
    const { accepted, refused, dropped } = await life.close()
    const found = await account(place.server.url, 'events', [journal])
    const tasks = accountOfTasks([journal])
    const breaches = [
      ...breachesOf(found),
      ...breachesOfTasks(tasks),
      ...(found.lost === dropped
        ? []
        : [`${found.lost} events are missing, ${dropped} were dropped`]),
      ...(dropped === 0 ? [] : [`${dropped} events were dropped`]),
      ...life.said('gap').map((words) => `the reader told of a gap: ${words.join(' ')}`),
    ]
    if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
    return {
      backs,
      breaches,
      accepted,
      refused,
      lostTasks: tasks.lost.length,
      twice: tasks.twice.length,
      events: found.stored,
      lostEvents: found.lost,
      duplicated: found.duplicated,
    }
  } finally {
    life.kill()
    await place.close()
  }
}

/** How long after that moment a task that was enqueued after it has begun, and an event emitted after it has been read. */
export async function backAfter(
  life: Life,
  moment: number,
  waitMs: number = WAIT_MS,
): Promise<{ readonly ranMs: number; readonly readMs: number }> {
  const first = (word: string): number | undefined => {
    const found = life.said(word).find(([at]) => Number(at) > moment)
    return found === undefined ? undefined : Number(found[1]) - moment
  }
  const wait = (word: string): Promise<number> =>
    waitFor(() => first(word), { timeout: waitMs, interval: 20, what: `a line "${word}"` }).catch(
      () => waitMs,
    )
  const [ranMs, readMs] = await Promise.all([wait('ran'), wait('read')])
  return { ranMs, readMs }
}
