/**
 * `npm run bench:check [-- SUBJECT …]`: a short run of the ratios that any machine can tell; fails when one is under its
 * floor in targets.ts. A subject that fails is measured once more, longer, before it counts: machines have bad minutes.
 *
 * With --planted it checks itself: a copy with a slowdown in it has to fail.
 */

import { parseArgs } from 'node:util'
import { runPlanted } from './planted.ts'
import { runSubject } from './run-subject.ts'
import { SUBJECTS, type ShortRun, type Subject, type SubjectName } from './subject.ts'
import { subjects } from './subjects.ts'
import { verdictsOn, type Verdict } from './verdict.ts'

/** A second look takes so many times the rounds of the first. */
const LONGER = 3
/** Where a slowdown of each event shows: the first to fail is enough. */
const WITH_EVENTS = ['events', 'core']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { planted: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => !SUBJECTS.includes(name as SubjectName))
if (unknown.length > 0) {
  console.error(
    `bench:check: no subject "${unknown.join('", "')}"; there are ${SUBJECTS.join(', ')}`,
  )
  process.exitCode = 1
} else if (values.planted) {
  process.exitCode = await runPlanted(positionals.length > 0 ? positionals : WITH_EVENTS)
} else {
  const breaches = await checkAll(positionals.length > 0 ? positionals : SUBJECTS)
  for (const { text } of breaches) console.error(`UNDER THE FLOOR  ${text}`)
  if (breaches.length > 0) process.exitCode = 1
  else console.log('All ratios are above their floors.')
}

async function checkAll(names: readonly string[]): Promise<readonly Verdict[]> {
  const breaches: Verdict[] = []
  for (const name of names as readonly SubjectName[]) {
    const subject: Subject = await subjects[name]()
    const { check } = subject
    if (check === undefined) continue
    const reason = await subject.unavailable?.()
    if (reason !== undefined) {
      console.log(`${name}: left out: ${reason}`)
      continue
    }
    let verdicts = await look(name, subject, check)
    if (verdicts.some(({ isBreach }) => isBreach)) {
      console.log(`${name}: once more, with ${LONGER} times the rounds`)
      verdicts = await look(name, subject, { ...check, rounds: check.rounds * LONGER })
    }
    breaches.push(...verdicts.filter(({ isBreach }) => isBreach))
  }
  return breaches
}

async function look(
  name: SubjectName,
  subject: Subject,
  run: ShortRun,
): Promise<readonly Verdict[]> {
  const { report, seconds, load } = await runSubject(name, subject, run)
  const verdicts = verdictsOn(report)
  if (verdicts.length === 0) throw new Error(`${name} has a short run, but no checked target`)
  console.log(`${name}: ${seconds.toFixed(0)} s, load average ${load.before.toFixed(1)}`)
  for (const { isBreach, text } of verdicts) console.log(`${isBreach ? 'FAIL' : 'ok  '}  ${text}`)
  return verdicts
}
