/** Runs tasks by the million, in memory, and looks whether the heap stays flat: whatever is kept of a task is a leak. */

import { fileURLToPath } from 'node:url'
import { startChild } from '../support/child.ts'
import { heapSlope, MIB, mib, POINTS_OF_SLOPE } from './heap-slope.ts'
import type { SoakReport } from './soak-child.ts'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

const PROGRAM = fileURLToPath(new URL('soak-child.ts', import.meta.url))
/** After warm-up. */
const MAX_RSS_GROWTH = 30 * MIB
const TASKS = 10_000_000
/** As the child's. */
const LINES_PER_TASK = 100

export interface Soak {
  readonly kind: string
  /** What a task, or line, may add to the heap: bytes. An object that is kept weighs a hundred, an error a thousand. */
  readonly maxSlope: number
  /** One object in so many is kept on purpose: the slope has to show it. */
  readonly planted?: number
  /** How a task of the kind ends. */
  readonly end: string
  /** Whether resident memory is looked at: it takes minutes to settle. */
  readonly isLong?: boolean
}

/** Each with the part of `TASKS` that it runs. */
const SOAKS: readonly (Soak & { readonly share: number })[] = [
  { kind: 'empty', share: 1, maxSlope: 0.02, end: 'task.succeeded', isLong: true },
  { kind: 'empty', share: 1, maxSlope: 0.02, planted: 1_000, end: 'task.succeeded' },
  { kind: 'failing', share: 0.02, maxSlope: 10, end: 'task.failed' },
  { kind: 'failing', share: 0.02, maxSlope: 10, planted: 5, end: 'task.failed' },
  { kind: 'cancelled', share: 0.02, maxSlope: 10, end: 'task.cancelled' },
  { kind: 'timed out', share: 0.02, maxSlope: 10, end: 'task.failed' },
  { kind: 'listening', share: 0.02, maxSlope: 10, end: 'task.succeeded' },
  { kind: 'logging', share: 0.1, maxSlope: 1, end: 'task.succeeded' },
]

export const name = 'soak'
export const alone = true

/** `rounds`: empty tasks; the other kinds are a part of that. With fewer of them a leak has to be larger to be seen. */
export function cases({ rounds = TASKS }: SuiteOptions): readonly Case[] {
  const less = TASKS / rounds
  return SOAKS.map(({ share, ...soak }) => ({
    name: `${soak.kind}${soak.planted === undefined ? '' : `, one object in ${soak.planted} is kept`}`,
    run: () =>
      runSoak(
        {
          ...soak,
          maxSlope: soak.maxSlope * less,
          ...(soak.planted === undefined
            ? {}
            : { planted: Math.max(1, Math.round(soak.planted / less)) }),
        },
        rounds * share,
      ),
  }))
}

export async function runSoak(soak: Soak, count: number): Promise<CaseReport> {
  const { kind, maxSlope, planted, end, isLong } = soak
  const { samples, ends } = await soaked(kind, count, planted ?? 0)
  const slope = heapSlope(samples)
  const first = samples.at(-POINTS_OF_SLOPE)
  const last = samples.at(-1)
  const rssGrowth = (last?.rss ?? 0) - (first?.rss ?? 0)
  const breaches: string[] = []
  if (planted === undefined) {
    if (slope > maxSlope) breaches.push(`the heap grows by ${slope.toFixed(4)} B each`)
    if (isLong === true && rssGrowth > MAX_RSS_GROWTH)
      breaches.push(`resident memory has grown by ${mib(rssGrowth)} MiB`)
  } else if (slope <= maxSlope) {
    breaches.push(`a leak of one object in ${planted} shows as ${slope.toFixed(4)} B each`)
  }
  const unit = kind === 'logging' ? 'lines' : 'tasks'
  const done = last?.done ?? 0
  const ended = (ends[end] ?? 0) * (kind === 'logging' ? LINES_PER_TASK : 1)
  if (ended !== done) breaches.push(`of ${done} ${unit}, ${ended} have ended with ${end}`)
  return {
    counts: `${done} ${unit}, heap ${slope.toFixed(4)} B each (limit ${maxSlope}), resident memory ${mib(rssGrowth)} MiB more`,
    breaches,
  }
}

async function soaked(kind: string, count: number, planted: number): Promise<SoakReport> {
  const child = startChild(PROGRAM, [kind, String(count), String(planted)], {
    execArgv: ['--expose-gc'],
  })
  try {
    const report = JSON.parse(await child.line('{')) as SoakReport
    const { code, stderr } = await child.ended
    if (code !== 0 || stderr !== '') throw new Error(`it ended with code ${code}: ${stderr}`)
    return report
  } finally {
    child.kill()
  }
}
