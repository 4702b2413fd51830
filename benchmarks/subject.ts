/** What can be measured as one: some cases side by side, and what their numbers mean. */

import type { Report } from './report.ts'
import type { Case, Series } from './rounds.ts'

/** By the names that the command line takes, in the order of docs/performance.md. */
export const SUBJECTS = [
  'core',
  'log',
  'events',
  'observers',
  'stream',
  'memory',
  'sqlite',
  'growth',
  'backends',
  'latency',
  'python',
  'checkpoint',
  'queries',
  'otel',
  'import',
  'size',
] as const

export type SubjectName = (typeof SUBJECTS)[number]

export interface Subject {
  readonly title: string
  /** Each case in a process of its own; false when the cases start processes themselves. */
  readonly isolated: boolean
  readonly rounds: number
  /** Rounds that do not count: code is compiled, caches fill. */
  readonly warmUps: number
  /** What `bench:check` runs of it; without this, nothing. */
  readonly check?: ShortRun
  /** Why it cannot be measured on this machine: a program that is not installed. */
  unavailable?(): string | undefined | Promise<string | undefined>
  /**
   * Called once before the cases, in the process that reports: starts the servers, builds the package. What it puts into
   * `process.env` is there in the processes of the cases.
   */
  prepare?(): void | Promise<void>
  cases(): readonly Case[]
  report(measured: readonly Series[]): Report
  /** Called once when all is measured or something has failed: ends the servers, removes the files. */
  close?(): void | Promise<void>
}

/** Fewer rounds, and only what the checked targets need. */
export interface ShortRun {
  readonly rounds: number
  readonly warmUps: number
  /** The names of the cases to run. Default: all. */
  readonly cases?: readonly string[]
}
