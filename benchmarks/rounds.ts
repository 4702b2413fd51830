/** Interleaved rounds: every case once per round, so that what disturbs the machine disturbs all of them alike. */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Subject } from './subject.ts'

/** One thing to measure. */
export interface Case {
  readonly name: string
  /** Of the package that it measures. */
  readonly version?: string | undefined
  /** Measured in the first round only, and not warmed up: it takes long, and says the same each time. */
  readonly isOnce?: boolean
  /**
   * Measures once; answers in the unit of the report. Several numbers, by their names, become as many series:
   * `${case}: ${name}`.
   */
  run(): Measured | Promise<Measured>
}

export type Measured = number | Readonly<Record<string, number>>

/** All that was measured of a case, a value for each round. */
export interface Series {
  readonly name: string
  readonly version: string | undefined
  readonly values: readonly number[]
}

export interface MeasureOptions {
  readonly rounds?: number
  readonly warmUps?: number
  /** Only the cases of these names. */
  readonly only?: readonly string[] | undefined
  /** Told before each case of each round. */
  readonly onProgress?: (at: Progress) => void
}

export interface Progress {
  /** From 1; the warm-ups come first. */
  readonly round: number
  readonly rounds: number
  readonly case: string
}

/** Measures all cases of the subject `name`, round by round. */
export async function measure(
  name: string,
  subject: Subject,
  options: MeasureOptions = {},
): Promise<Series[]> {
  const { only } = options
  try {
    await subject.prepare?.()
    const all = subject.cases()
    for (const wanted of only ?? []) {
      if (!all.some((each) => each.name === wanted))
        throw new Error(`no case "${wanted}" in "${name}"`)
    }
    const own = all.filter((each) => only?.includes(each.name) !== false)
    if (!subject.isolated) return await interleave(own, { ...subject, ...options })
    const children = own.map((each) => startChild(name, each.name))
    try {
      const cases = own.map((each, index) => remote(each, children[index] as ChildProcess))
      return await interleave(cases, { ...subject, ...options })
    } finally {
      await Promise.all(children.map(end))
    }
  } finally {
    await subject.close?.()
  }
}

async function interleave(
  cases: readonly Case[],
  {
    rounds,
    warmUps,
    onProgress = () => {},
  }: MeasureOptions & { readonly rounds: number; readonly warmUps: number },
): Promise<Series[]> {
  const series = cases.map(() => new Map<string, number[]>())
  for (let round = 0; round < warmUps + rounds; round++) {
    for (let step = 0; step < cases.length; step++) {
      // Each round begins with another case: none always follows the same neighbour.
      const index = (step + round) % cases.length
      const one = cases[index] as Case
      if (one.isOnce === true && round !== warmUps) continue
      onProgress({ round: round + 1, rounds: warmUps + rounds, case: one.name })
      const measured = await one.run()
      if (round < warmUps) continue
      const ofCase = series[index] as Map<string, number[]>
      for (const [name, value] of namedValues(one.name, measured)) {
        if (!Number.isFinite(value)) throw new Error(`${name}: measured ${value}`)
        ofCase.set(name, [...(ofCase.get(name) ?? []), value])
      }
    }
  }
  return cases.flatMap(({ version }, index) =>
    [...(series[index] ?? [])].map(([name, values]) => ({ name, version, values })),
  )
}

function namedValues(name: string, measured: Measured): readonly (readonly [string, number])[] {
  if (typeof measured === 'number') return [[name, measured]]
  return Object.entries(measured).map(([key, value]) => [`${name}: ${key}`, value])
}

function startChild(subject: string, name: string): ChildProcess {
  return fork(join(import.meta.dirname, 'child.ts'), [subject, name])
}

/** It cleans up when its channel closes; one that hangs is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  if (child.connected) child.disconnect()
  await over
  clearTimeout(timer)
}

/** The same case, run in `child`. */
function remote({ name, version, isOnce = false }: Case, child: ChildProcess): Case {
  let resolve = (_value: Measured): void => {}
  let reject = (_error: Error): void => {}
  let ended: Error | undefined
  child.on('message', (value) => resolve(value as Measured))
  child.on('exit', (code, signal) => {
    ended = new Error(`the case "${name}" ended with ${signal ?? code}, see above`)
    reject(ended)
  })
  return {
    name,
    version,
    isOnce,
    run: () =>
      new Promise((...settle) => {
        ;[resolve, reject] = settle
        if (ended === undefined) child.send('run')
        else reject(ended)
      }),
  }
}

/** The series of this name. */
export function find(all: readonly Series[], name: string): Series {
  const found = all.find((series) => series.name === name)
  if (found === undefined) throw new Error(`no case "${name}" was measured`)
  return found
}

/**
 * The ratios of `series` to `reference`, round by round: drift of the machine is in both and goes out. Rounds that only one
 * of them has are left out.
 */
export function ratiosTo(series: Series, reference: Series): readonly number[] {
  const rounds = Math.min(series.values.length, reference.values.length)
  return series.values
    .slice(0, rounds)
    .map((value, round) => value / (reference.values[round] ?? Number.NaN))
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

const ENQUEUES_PER_TURN = 100

/**
 * Operations per second from the first `enqueue` until `idle` settles. One hundred are enqueued per turn of the event
 * loop, as by so many requests that came in together.
 */
export async function rateOf(
  count: number,
  enqueue: (index: number) => void,
  idle: () => unknown,
): Promise<number> {
  const startedAt = performance.now()
  for (let index = 0; index < count;) {
    for (const end = Math.min(index + ENQUEUES_PER_TURN, count); index < end; index++)
      enqueue(index)
    await turn()
  }
  await idle()
  return (count / (performance.now() - startedAt)) * 1_000
}

/** The median of some runs in a row: one that another process has disturbed does not count. */
export async function medianOf(times: number, run: () => Promise<number>): Promise<number> {
  const values: number[] = []
  for (let index = 0; index < times; index++) values.push(await run())
  return spreadOf(values).median
}

/** Fails the benchmark when a case did not do its work: a fast case that does nothing is no rival. */
export function expectEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}
