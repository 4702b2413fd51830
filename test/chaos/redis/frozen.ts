/** A Redis that stands still while events come: none may be lost that fits the buffer, and no task may notice. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CaseReport } from '../suite.ts'
import type { LifeSettings, LifeStats } from './life-child.ts'
import { account, breachesOf, percentile, startLife, type Account, type Life } from './life.ts'
import { openPlace, type Place } from './outages.ts'

export interface FrozenOptions {
  readonly how: 'SIGSTOP' | 'CLIENT PAUSE' | 'DEBUG SLEEP'
  readonly seconds: number
  /** Processes with this Redis, and as many beside them with one that is well, to compare the tasks of. */
  readonly pairs: number
  /** One task every so many milliseconds in each. It makes about four events. */
  readonly everyMs: number
  /** More than the buffer holds is emitted meanwhile. */
  readonly overflows?: boolean
  /** What the buffer holds. Default: as many as the observer's own. */
  readonly maxQueue?: number
}

const WARM_UP_MS = 3_000
const WORK_MS = 20
const MAX_P99 = 1.1

export async function frozen(options: FrozenOptions): Promise<CaseReport> {
  const { how, seconds, pairs, everyMs, overflows = false, maxQueue } = options
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-frozen-'))
  const places = await Promise.all([openPlace([]), openPlace([])])
  const [sick, well] = places
  const lives: Life[] = []
  const start = async ({ url }: Place, name: string): Promise<Life> => {
    const settings: LifeSettings = {
      url,
      stream: 'events',
      journal: join(directory, name),
      records: 'memory',
      reads: false,
      everyMs,
      workMs: WORK_MS,
      lines: 2,
      maxQueue,
    }
    const life = await startLife(settings)
    lives.push(life)
    return life
  }
  try {
    const names = Array.from({ length: pairs }, (_, index) => `sick-${index}`)
    const sickOnes = await Promise.all(names.map((name) => start(sick, name)))
    const wellOnes = await Promise.all(names.map((name) => start(well, `beside-${name}`)))
    await sleep(WARM_UP_MS)
    for (const life of lives) life.mark()
    const before = await Promise.all(sickOnes.map((life) => life.stats()))
    const thaw = await freeze(sick, how, seconds * 1_000)
    const [during, beside] = await Promise.all([
      Promise.all(sickOnes.map((life) => life.stats())),
      Promise.all(wellOnes.map((life) => life.stats())),
    ])
    await thaw()
    await Promise.all(lives.map((life) => life.enough()))
    await Promise.all(lives.map((life) => life.delivered()))
    const after = await Promise.all(sickOnes.map((life) => life.close()))
    await Promise.all(wellOnes.map((life) => life.close()))
    const journals = names.map((name) => join(directory, name))
    const found = await account(sick.server.url, 'events', journals)
    const latency = compare(during, beside)
    const meanwhile = sum(during, 'emitted') - sum(before, 'emitted')
    const breaches = [
      ...breachesOf(found),
      ...breachesOfCounts(found, after, overflows),
      ...(pairs > 1 && latency.p99 > latency.besideP99 * MAX_P99
        ? [`the p99 of tasks was ${latency.p99} ms, and ${latency.besideP99} ms beside it`]
        : []),
      // Otherwise it was not frozen.
      ...(sum(during, 'queued') > 0 ? [] : ['nothing waited in the buffer']),
    ]
    if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
    return {
      counts: `${Math.round(meanwhile / pairs / seconds)} events/s, ${meanwhile} emitted meanwhile; ${found.emitted} emitted = ${found.stored} stored + ${sum(after, 'dropped')} dropped, ${found.told} told in the stream, ${found.lost - sum(after, 'dropped')} lost, ${found.duplicated} duplicated; tasks p50 ${latency.p50} ms, p99 ${latency.p99} ms, beside a healthy one ${latency.besideP50} and ${latency.besideP99} ms (${latency.tasks} each)`,
      breaches,
    }
  } finally {
    for (const life of lives) life.kill()
    await Promise.all(places.map((place) => place.close()))
  }
}

/** Freezes it for so long. Resolves shortly before the end with what ends it. */
async function freeze(
  { server, command }: Place,
  how: FrozenOptions['how'],
  ms: number,
): Promise<() => Promise<unknown>> {
  if (how === 'SIGSTOP') {
    server.signal('SIGSTOP')
    await sleep(ms)
    return () => Promise.resolve(server.signal('SIGCONT'))
  }
  if (how === 'CLIENT PAUSE') await command('CLIENT', 'PAUSE', ms, 'ALL')
  const over = how === 'CLIENT PAUSE' ? sleep(ms) : command('DEBUG', 'SLEEP', ms / 1_000)
  await sleep(ms - 200)
  return () => over
}

function breachesOfCounts(
  { emitted, stored, lost, told }: Account,
  stats: readonly LifeStats[],
  overflows: boolean,
): string[] {
  const dropped = sum(stats, 'dropped')
  const said = sum(stats, 'emitted')
  const delivered = sum(stats, 'delivered')
  const failed = sum(stats, 'failed')
  return [
    ...(lost === dropped ? [] : [`${lost} events are not in the stream, ${dropped} were dropped`]),
    ...(told === dropped ? [] : [`${dropped} were dropped, the stream says ${told}`]),
    ...(said === emitted ? [] : [`${emitted} in the journals, ${said} emitted by the counters`]),
    ...(delivered === stored ? [] : [`${stored} are stored, ${delivered} delivered`]),
    ...(failed === 0 ? [] : [`${failed} have failed`]),
    ...(overflows === dropped > 0 ? [] : [`${dropped} events were dropped`]),
  ]
}

function sum(
  stats: readonly LifeStats[],
  key: 'emitted' | 'delivered' | 'dropped' | 'failed' | 'queued',
): number {
  return stats.reduce((total, each) => total + each[key], 0)
}

function compare(during: readonly LifeStats[], beside: readonly LifeStats[]) {
  const own = during.flatMap(({ latencies }) => latencies)
  const others = beside.flatMap(({ latencies }) => latencies)
  const rounded = (values: readonly number[], share: number): number =>
    Math.round(percentile(values, share) * 10) / 10
  return {
    tasks: own.length,
    p50: rounded(own, 0.5),
    p99: rounded(own, 0.99),
    besideP50: rounded(others, 0.5),
    besideP99: rounded(others, 0.99),
  }
}
