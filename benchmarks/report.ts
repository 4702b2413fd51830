/** What a subject reports. */

import { ratiosTo, spreadOf, type Series } from './rounds.ts'
import { GOALS, type Goal, type GoalId } from './targets.ts'

/** What one subject has measured. */
export interface Report {
  readonly title: string
  /** Of the values: `tasks/s`, `ns/call`, `ms`. A rate, `…/s`, is better when it is higher, anything else when lower. */
  readonly unit: string
  readonly series: readonly Series[]
  /** The case to which the last column compares the others. */
  readonly reference: Series
  readonly targets: readonly Target[]
  /** What a reader has to know to judge the numbers. */
  readonly notes: readonly string[]
  /** Instead of the table of medians: Markdown. */
  readonly table?: string
  /** What the chart shows, top down. Default: the series, in the unit of the report. */
  readonly chart?: { readonly series: readonly Series[]; readonly unit?: string }
}

/** A number that we have set ourselves, and how it came out. */
export interface Target extends Goal {
  /** Its name in targets.ts. */
  readonly id?: GoalId
  /** One value per round. */
  readonly values: readonly number[]
  /** Where the target stands in the chart: on the bar of a case, at `limit` times this, in the unit of the report. */
  readonly mark?: { readonly case: string; readonly perLimit: number }
}

/** A target for the ratio of two cases; it stands on the bar of `ours`. */
export function ratioTarget(id: GoalId, ours: Series, rival: Series): Target {
  const mark = { case: ours.name, perLimit: spreadOf(rival.values).median }
  return { ...GOALS[id], id, values: ratiosTo(ours, rival), mark }
}

/** A target for the values of a case, in the unit of the report. */
export function valueTarget(id: GoalId, ours: Series): Target {
  return { ...GOALS[id], id, values: ours.values, mark: { case: ours.name, perLimit: 1 } }
}

/** A target for numbers that are no case's own. */
export function target(id: GoalId, values: readonly number[]): Target {
  return { ...GOALS[id], id, values }
}
