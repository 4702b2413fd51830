/**
 * The benchmarks: `npm run bench [-- SUBJECT …]`, all subjects when none is named.
 *
 * A full run writes its numbers to results/ and docs/performance.md, subject by subject, each when it is done. One with
 * fewer rounds, or with --no-write, only prints them.
 */

import { parseArgs } from 'node:util'
import { casesTable, targetsTable } from './markdown.ts'
import { describeMachine } from './machine.ts'
import { publish, render, subjectsWithoutPlace } from './publish.ts'
import { comparison, PARTIAL_RESULTS, readResults, RESULTS, saveResult } from './results.ts'
import { runSubject } from './run-subject.ts'
import { SUBJECTS, type Subject, type SubjectName } from './subject.ts'
import { subjects } from './subjects.ts'

const USAGE = `npm run bench [-- OPTIONS SUBJECT …]

subjects: ${SUBJECTS.join(', ')}

--rounds N      so many rounds, for a quick look; such a run writes nothing into docs
--no-write      writes nothing into docs
--resume        leaves out what results/ has of this commit already
--compare PATH  shows beside it a result, or a directory of results; "results" are those of the docs
--render        measures nothing; makes docs/performance.md and the charts from results/ again`

class UsageError extends Error {}

try {
  await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`bench: ${error.message}\n\n${USAGE}`)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments()
  const names = positionals.length > 0 ? positionals.map(knownSubject) : SUBJECTS
  if (values.render) {
    render(names)
    return
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new UsageError(`--rounds: expected a whole number above 0, got ${values.rounds}`)
  const isWriting = !values['no-write'] && rounds === undefined
  const homeless = isWriting ? subjectsWithoutPlace(names) : []
  if (homeless.length > 0)
    throw new UsageError(`docs/performance.md has no place for ${homeless.join(', ')}`)

  const others = values.compare === undefined ? undefined : resultsAt(values.compare)
  const { source, node, cpu, system } = describeMachine()
  console.log(`plainsight at ${source}, Node ${node}, ${cpu}, ${system}`)
  const kept = readResults(RESULTS)
  for (const [index, name] of names.entries()) {
    const place = `${index + 1} of ${names.length}`
    const subject: Subject = await subjects[name]()
    const reason = await subject.unavailable?.()
    if (reason !== undefined) {
      console.log(`\n${name} (${place}): left out: ${reason}`)
      continue
    }
    if (values.resume && isOfThisCommit(kept.get(name)?.machine.source, source)) {
      console.log(`\n${name} (${place}): measured already, at ${source}`)
      continue
    }
    console.error(`\n${name} (${place}) …`)
    try {
      const { warmUps } = subject
      const result = await runSubject(name, subject, { warmUps, rounds: rounds ?? subject.rounds })
      const { report } = result
      console.log(`\n## ${report.title}\n\n${report.table ?? casesTable(report)}`)
      for (const note of report.notes) console.log(`\n${note}`)
      if (report.targets.length > 0) console.log(`\n${targetsTable(report.targets)}`)
      const before = others?.get(name)
      if (before !== undefined) console.log(`\n${comparison(before, result)}`)
      if (isWriting) publish(result)
      else saveResult(PARTIAL_RESULTS, result)
    } catch (error) {
      // The others are worth having; what docs say of this one stays as it is.
      console.error(`\n${name}: failed:`, error)
      process.exitCode = 1
    }
  }
  if (isWriting)
    console.log('\nWritten to docs/performance.md, docs/charts and benchmarks/results.')
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        'no-write': { type: 'boolean', default: false },
        resume: { type: 'boolean', default: false },
        compare: { type: 'string' },
        render: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function knownSubject(name: string): SubjectName {
  const known = SUBJECTS.find((each) => each === name)
  if (known === undefined) throw new UsageError(`there is no subject "${name}"`)
  return known
}

function resultsAt(compared: string): ReturnType<typeof readResults> {
  const found = readResults(compared === 'results' ? RESULTS : compared)
  if (found.size === 0) throw new UsageError(`--compare: there is no result in ${compared}`)
  return found
}

/** Numbers of a changed checkout belong to no commit. */
function isOfThisCommit(measured: string | undefined, source: string): boolean {
  return measured === source && !source.endsWith('changed')
}
