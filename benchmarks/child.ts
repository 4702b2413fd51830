/** One subject in a process of its own, with a heap and compiled code that no other subject has touched. */

import type { Report } from './report.ts'

export const subjects: Readonly<Record<string, () => Promise<Report>>> = {
  core: async () => (await import('./core.ts')).core(),
  log: async () => (await import('./log.ts')).log(),
  sqlite: async () => (await import('./sqlite.ts')).sqlite(),
  import: async () => (await import('./import.ts')).imports(),
}

if (import.meta.main) {
  const measure = subjects[process.argv[2] ?? '']
  if (measure === undefined) throw new Error(`no subject "${process.argv[2]}"`)
  const report = await measure()
  process.send?.(report)
}
