/** A result as a subject would have it. */

import { ratioTarget, type Report } from '../../../benchmarks/report.ts'
import type { Result } from '../../../benchmarks/results.ts'
import type { Series } from '../../../benchmarks/rounds.ts'

export function series(name: string, version: string | undefined, values: number[]): Series {
  return { name, version, values }
}

export const ours: Series = series('plainsight', '1.2.3', [300, 100, 200])
export const rival: Series = series('p-queue <fast> | loud', '10.0.0', [100, 100, 400])

export const report: Report = {
  title: 'Core: tasks & memory',
  unit: 'tasks/s',
  series: [ours, rival],
  reference: rival,
  targets: [ratioTarget('core: p-queue', ours, rival)],
  notes: ['Nothing else ran.'],
}

export const result: Result = {
  subject: 'core',
  machine: {
    date: '2026-11-21T10:00:00.000Z',
    node: 'v24.21.0',
    cpu: 'A CPU × 2',
    system: 'linux x64 6',
    source: 'abc1234',
  },
  load: { before: 0.5, after: 1.25 },
  rounds: 3,
  warmUps: 1,
  seconds: 12.4,
  report,
}
