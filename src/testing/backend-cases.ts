/** The conformance suite of backends: each case is a promise of `backend.ts`, told without a test runner. */

import type { BackendCase } from './backend-cases/case.ts'
import { claimCases } from './backend-cases/claim.ts'
import { dueCases } from './backend-cases/due.ts'
import { durableCases } from './backend-cases/durable.ts'
import { hostileCases } from './backend-cases/hostile.ts'
import { insertCases } from './backend-cases/insert.ts'
import { keyCases } from './backend-cases/keys.ts'
import { logCases } from './backend-cases/logs.ts'
import { ownerCases } from './backend-cases/owners.ts'
import { queryCases } from './backend-cases/query.ts'
import { retentionCases } from './backend-cases/retention.ts'
import { updateCases } from './backend-cases/update.ts'

export type { BackendCase, BackendSetup } from './backend-cases/case.ts'

/**
 * Every promise that a backend makes. Each case wants an empty store of its own.
 *
 * @example
 * for (const { name, run } of backendCases) test(name, () => run({ backend: memoryBackend() }))
 */
export const backendCases: readonly BackendCase[] = [
  ...insertCases,
  ...updateCases,
  ...logCases,
  ...claimCases,
  ...dueCases,
  ...ownerCases,
  ...keyCases,
  ...retentionCases,
  ...hostileCases,
  ...queryCases,
  ...durableCases,
]
