/** The suites of the long tier, in the order in which they run. */

import type { SuiteModule } from './suite.ts'

export const suites: Readonly<Record<string, () => Promise<SuiteModule>>> = {
  kill: () => import('./kill-suite.ts'),
  power: () => import('./power-suite.ts'),
  processes: () => import('./processes-suite.ts'),
  blocked: () => import('./blocked-suite.ts'),
  poison: () => import('./poison-suite.ts'),
  stop: () => import('./stop-suite.ts'),
  clock: () => import('./clock-suite.ts'),
  faults: () => import('./faults-suite.ts'),
  idempotency: () => import('./idempotency-suite.ts'),
  store: () => import('./store-errors.ts'),
  overflow: () => import('./overflow.ts'),
  hostile: () => import('./hostile-suite.ts'),
  accounting: () => import('./accounting.ts'),
  exit: () => import('./exit.ts'),
  handles: () => import('./handles.ts'),
  soak: () => import('./soak.ts'),
  'sqlite-soak': () => import('./sqlite-soak.ts'),
  redis: () => import('./redis-suite.ts'),
}
