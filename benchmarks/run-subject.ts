/** Measures one subject, with what a reader has to know about the run. */

import { loadavg } from 'node:os'
import { describeMachine } from './machine.ts'
import { progressLine } from './progress.ts'
import { parseResult, resultText, type Result } from './results.ts'
import { measure } from './rounds.ts'
import type { ShortRun, Subject } from './subject.ts'

/** @param name - as in subjects.ts */
export async function runSubject(
  name: string,
  subject: Subject,
  { rounds, warmUps, cases }: ShortRun = { rounds: subject.rounds, warmUps: subject.warmUps },
): Promise<Result> {
  const machine = describeMachine()
  const before = loadavg()[0] ?? 0
  const startedAt = performance.now()
  const line = progressLine(name)
  try {
    const measured = await measure(name, subject, {
      rounds,
      warmUps,
      only: cases,
      onProgress: line.tell,
    })
    const report = subject.report(measured)
    const seconds = (performance.now() - startedAt) / 1_000
    const load = { before, after: loadavg()[0] ?? 0 }
    // As it will be read back: what is printed now and rendered later must not differ in a digit.
    return parseResult(
      resultText({ subject: name, machine, load, rounds, warmUps, seconds, report }),
    )
  } finally {
    line.end()
  }
}
