/** The lines that a run says: one per case, one per suite, and the last. */

import type { CaseReport } from '../suite.ts'

const MAX_BREACHES = 20

export interface Tally {
  passed: number
  failed: number
}

export function caseLines(
  name: string,
  { counts, breaches }: CaseReport,
  durationMs: number,
): string {
  const verdict = breaches.length === 0 ? 'ok    ' : 'FAILED'
  const what = counts === '' ? '' : `: ${counts}`
  const lines = [`${verdict}  ${name}${what} (${seconds(durationMs)} s)`]
  for (const breach of breaches.slice(0, MAX_BREACHES)) lines.push(`        ${breach}`)
  const left = breaches.length - MAX_BREACHES
  if (left > 0) lines.push(`        … ${left} more`)
  return `${lines.join('\n')}\n`
}

export function suiteLine(name: string, { passed, failed }: Tally, durationMs: number): string {
  return `${name}: ${passed} passed, ${failed} failed (${seconds(durationMs)} s)\n`
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}
