/** What the long tier runs: a suite is a module that exports a name and the cases of a run. */

export interface SuiteOptions {
  /** Instead of the suite's own size: kills, seeds, values, whatever it counts. */
  readonly rounds?: number | undefined
  /** Repeats an earlier run, as far as the moments of kills allow. */
  readonly seed: number
}

export interface CaseReport {
  /** One line of what was done and found. */
  readonly counts: string
  /** What went wrong, one sentence each; none is a pass. */
  readonly breaches: readonly string[]
}

export interface Case {
  readonly name: string
  run(): Promise<CaseReport>
}

export interface Suite {
  readonly name: string
  /** It measures time or memory, so nothing may run beside it: `--jobs` leaves it alone. */
  readonly alone?: boolean | undefined
  cases(options: SuiteOptions): readonly Case[]
}

/** A module that is a suite, or exports one as `suite`. */
export type SuiteModule = Suite | { readonly suite: Suite }
