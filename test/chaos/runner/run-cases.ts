/**
 * The process in which cases run, one after the other: `node run-cases.ts LIST SUITE INDEXES SEED [ROUNDS]`. It tells the
 * runner of each as soon as it is over, so that a crash costs no more than the case that was running.
 */

import { collectWarnings } from '../../support/process-warnings.ts'
import type { CaseReport } from '../suite.ts'
import { loadSuite, suiteList } from './load.ts'

/** What a case has become. */
export interface CaseEnd extends CaseReport {
  readonly index: number
  readonly durationMs: number
}

const [list = '', suiteName = '', indexes = '', seed = '1', rounds] = process.argv.slice(2)
const suite = await loadSuite(await suiteList(list), suiteName)
const cases = suite.cases({
  seed: Number(seed),
  rounds: rounds === undefined ? undefined : Number(rounds),
})
const warnings = collectWarnings()
for (const index of indexes.split(',').map(Number)) {
  const startedAt = performance.now()
  let counts = ''
  let breaches: readonly string[]
  try {
    const report = await cases[index]?.run()
    if (report === undefined) throw new Error(`${suiteName} has no case ${index}`)
    ;({ counts, breaches } = report)
  } catch (error) {
    breaches = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  }
  const durationMs = performance.now() - startedAt
  await tell({ index, counts, breaches: [...breaches, ...warnings.take()], durationMs })
}
// Waits with long timeouts may be pending: nobody waits for them any more.
process.exit(0)

function tell(end: CaseEnd): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) {
      process.stdout.write(`${JSON.stringify(end)}\n`)
      resolve()
    } else process.send(end, (error: Error | null) => (error === null ? resolve() : reject(error)))
  })
}
