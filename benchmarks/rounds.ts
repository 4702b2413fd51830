/** Interleaved rounds: every case once per round, so that what disturbs the machine disturbs all of them alike. */

import { setImmediate as turn } from 'node:timers/promises'

/** One thing to measure. */
export interface Case {
  readonly name: string
  /** The package that it measures; undefined for what is no package. */
  readonly version?: string | undefined
  /** Measures once; answers in the unit of the table. */
  run(): number | Promise<number>
}

/** All that was measured of a case, a value for each round. */
export interface Series {
  readonly name: string
  readonly version: string | undefined
  readonly values: readonly number[]
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Measures `cases` `rounds` times, after `warmUps` rounds that do not count. */
export async function interleave(
  cases: readonly Case[],
  { rounds, warmUps }: { readonly rounds: number; readonly warmUps: number },
): Promise<Series[]> {
  const values = cases.map((): number[] => [])
  for (let round = -warmUps; round < rounds; round++) {
    for (let step = 0; step < cases.length; step++) {
      // Each round begins with another case: none always follows the same neighbour.
      const index = (step + round + warmUps) % cases.length
      const value = await (cases[index] as Case).run()
      if (round >= 0) (values[index] as number[]).push(value)
    }
  }
  return cases.map(({ name, version }, index) => {
    return { name, version, values: values[index] as number[] }
  })
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

/** The ratios of `series` to `reference`, round by round: drift of the machine is in both and goes out. */
export function ratiosTo(series: Series, reference: Series): readonly number[] {
  return series.values.map((value, round) => value / (reference.values[round] ?? Number.NaN))
}

/** The series of this name. */
export function find(all: readonly Series[], name: string): Series {
  const found = all.find((series) => series.name === name)
  if (found === undefined) throw new Error(`no case "${name}" was measured`)
  return found
}

/**
 * Operations per second from the first `enqueue` until `idle` settles. One hundred are enqueued per turn of the event
 * loop, as many requests that come in together would.
 */
export async function rateOf(
  count: number,
  enqueue: (index: number) => void,
  idle: () => unknown,
): Promise<number> {
  const startedAt = performance.now()
  for (let index = 0; index < count; ) {
    for (const end = Math.min(index + ENQUEUES_PER_TURN, count); index < end; index++) enqueue(index)
    await turn()
  }
  await idle()
  return (count / (performance.now() - startedAt)) * 1_000
}

export const ENQUEUES_PER_TURN = 100

/** Fails the benchmark when a case did not do its work: a fast case that does nothing is no rival. */
export function expectEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}
