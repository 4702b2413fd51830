/**
 * The benchmarks: `npm run bench [-- SUBJECT …]`, all subjects when none is named.
 *
 * Prints one Markdown table per subject and one of all targets, and writes everything to results/latest.json.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { reportText, targetsText, type Report } from './report.ts'
import { measure } from './rounds.ts'
import { subjects, type Subject } from './subjects.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const unknown = positionals.filter((name) => !Object.hasOwn(subjects, name))

if (unknown.length > 0) {
  console.error(
    `bench: no subject "${unknown.join('", "')}"; there are ${Object.keys(subjects).join(', ')}`,
  )
  process.exitCode = 1
} else {
  await main(positionals.length > 0 ? positionals : Object.keys(subjects))
}

async function main(names: readonly string[]): Promise<void> {
  const machine = {
    date: new Date().toISOString(),
    node: process.version,
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown CPU'} × ${cpus().length}`,
    system: `${process.platform} ${arch()} ${release()}`,
    source: sourceState(),
    loadBefore: loadavg()[0] ?? 0,
  }
  console.log(`Node ${machine.node}, ${machine.cpu}, ${machine.system}, ${machine.date}`)
  console.log(`plainsight at ${machine.source}`)
  const reports: Report[] = []
  for (const name of names) {
    const subject = (await subjects[name]?.()) as Subject
    const report = subject.report(await measure(name, subject))
    console.log(`\n${reportText(report)}`)
    reports.push(report)
  }
  console.log(`\n${targetsText(reports)}`)
  const loadAfter = loadavg()[0] ?? 0
  const load = `load average ${machine.loadBefore.toFixed(2)} before, ${loadAfter.toFixed(2)} after`
  console.log(`\nOne minute's ${load}; an idle machine would show 0 before, and about 1 after.`)
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const text = JSON.stringify({ ...machine, loadAfter, reports }, null, 2)
  writeFileSync(join(results, 'latest.json'), `${text}\n`)
}

/** The commit measured; "changed" means that the numbers belong to no commit. */
function sourceState(): string {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    })
    return status === 0 ? stdout.trim() : undefined
  }
  const commit = git('rev-parse', '--short', 'HEAD')
  if (commit === undefined) return 'an unknown commit'
  return git('status', '--porcelain', '--', '../src') === '' ? commit : `${commit}, changed`
}
