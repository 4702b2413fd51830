/** Which checked targets came out under their floor. */

import { formatNumber } from './markdown.ts'
import type { Report, Target } from './report.ts'
import { spreadOf } from './rounds.ts'
import { floorOf, isWithin } from './targets.ts'

export interface Verdict {
  readonly isBreach: boolean
  /** One line: what it is, what came out, and the floor. */
  readonly text: string
}

export function verdictsOn(report: Report): readonly Verdict[] {
  return report.targets.filter(({ isChecked }) => isChecked).map(verdictOn)
}

function verdictOn(target: Target): Verdict {
  const { what, bound, limit, measured, unit, values } = target
  const { median, min, max } = spreadOf(values)
  const floor = floorOf(target)
  // A median of nothing is no pass.
  const isBreach = !isWithin(median, bound, floor)
  const needs = bound === 'at least' ? 'not under' : 'not over'
  const isReached = measured !== undefined && isWithin(median, bound, limit)
  const was = isReached ? `, was ${measured}: now met` : `, was ${measured}`
  const aim = measured === undefined ? `target ${limit}` : `target ${limit}${was}`
  const text =
    `${what}: ${formatNumber(median)} ${unit} (${formatNumber(min)}..${formatNumber(max)}), ` +
    `${needs} ${formatNumber(floor)} (${aim})`
  return { isBreach, text }
}
