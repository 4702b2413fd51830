/** A set-up file of vitest: a test file during which the process warned has failed; the warning's stack says where. */

import { setImmediate as turn } from 'node:timers/promises'
import { afterAll } from 'vitest'
import { collectWarnings } from './process-warnings.ts'

const warnings = collectWarnings()

afterAll(async () => {
  // Warnings are told of a tick later.
  await turn()
  const seen = warnings.take()
  if (seen.length > 0) throw new Error(seen.join('\n'))
})
