/** Interleaved rounds: every case once per round, so that what disturbs the machine disturbs all of them alike. */

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Subject } from './subjects.ts'

/** One thing to measure. */
export interface Case {
  readonly name: string
  /** Of the package that it measures. */
  readonly version?: string | undefined
  /** Measures once; answers in the unit of the report. */
  run(): number | Promise<number>
}

/** All that was measured of a case, a value for each round. */
export interface Series {
  readonly name: string
  readonly version: string | undefined
  readonly values: readonly number[]
}

/** Measures all cases of the subject `name`, round by round. */
export async function measure(name: string, subject: Subject): Promise<Series[]> {
  const { isolated, rounds, warmUps } = subject
  const own = subject.cases()
  if (!isolated) return interleave(own, rounds, warmUps)
  const children = own.map((each) => startChild(name, each.name))
  try {
    const cases = own.map((each, index) => remote(each, children[index] as ChildProcess))
    return await interleave(cases, rounds, warmUps)
  } finally {
    for (const child of children) child.kill()
  }
}

async function interleave(
  cases: readonly Case[],
  rounds: number,
  warmUps: number,
): Promise<Series[]> {
  const values = cases.map((): number[] => [])
  for (let round = 0; round < warmUps + rounds; round++) {
    for (let step = 0; step < cases.length; step++) {
      // Each round begins with another case: none always follows the same neighbour.
      const index = (step + round) % cases.length
      const value = await (cases[index] as Case).run()
      if (round >= warmUps) (values[index] as number[]).push(value)
    }
  }
  return cases.map(({ name, version }, index) => {
    return { name, version, values: values[index] as number[] }
  })
}

function startChild(subject: string, name: string): ChildProcess {
  return fork(join(import.meta.dirname, 'child.ts'), [subject, name])
}

/** The same case, run in `child`. */
function remote({ name, version }: Case, child: ChildProcess): Case {
  let resolve = (_value: number): void => {}
  let reject = (_error: Error): void => {}
  child.on('message', (value) => resolve(value as number))
  child.on('exit', (code, signal) => {
    reject(new Error(`the case "${name}" ended with ${signal ?? code}, see above`))
  })
  return {
    name,
    version,
    run: () =>
      new Promise((...settle) => {
        ;[resolve, reject] = settle
        child.send('run')
      }),
  }
}

/** The series of this name. */
export function find(all: readonly Series[], name: string): Series {
  const found = all.find((series) => series.name === name)
  if (found === undefined) throw new Error(`no case "${name}" was measured`)
  return found
}

/** The ratios of `series` to `reference`, round by round: drift of the machine is in both and goes out. */
export function ratiosTo(series: Series, reference: Series): readonly number[] {
  return series.values.map((value, round) => value / (reference.values[round] ?? Number.NaN))
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

/** Fails the benchmark when a case did not do its work: a fast case that does nothing is no rival. */
export function expectEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}
