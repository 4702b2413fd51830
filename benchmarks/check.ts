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

class UsageError extends Error {}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`bench:check: ${error.message}`)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  await checkNames(positionals)
  if (values.planted) return runPlanted(positionals.length > 0 ? positionals : WITH_EVENTS)
  const verdicts = await checkAll(positionals.length > 0 ? positionals : SUBJECTS)
  const breaches = verdicts.filter(({ isBreach }) => isBreach)
  for (const { text } of breaches) console.error(`UNDER THE FLOOR  ${text}`)
  if (breaches.length > 0) return 1
  if (verdicts.length === 0) throw new UsageError('nothing could be measured')
  console.log('All ratios that were measured are above their floors.')
  return 0
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { planted: { type: 'boolean', default: false } },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** Whoever asks for a subject by its name wants an answer about it. */
async function checkNames(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const known = SUBJECTS.find((each) => each === name)
    if (known === undefined) {
      throw new UsageError(`there is no subject "${name}"; there are ${SUBJECTS.join(', ')}`)
    }
    const { check }: Subject = await subjects[known]()
    if (check !== undefined) continue
    throw new UsageError(
      `a short run cannot tell the ratios of ${name}; npm run bench -- ${name} does`,
    )
  }
}

async function checkAll(names: readonly string[]): Promise<readonly Verdict[]> {
  const all: Verdict[] = []
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
    all.push(...verdicts)
  }
  return all
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
