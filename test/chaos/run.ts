/**
 * The long tier: `npm run test:chaos [-- SUITE …] [--rounds N] [--seed S] [--shard I/N] [--jobs J] [--list]`.
 *
 * All suites unless some are named. `--rounds` replaces a suite's own size (kills, seeds, values). The seed that is
 * printed repeats the run, as far as the moments of kills allow. `--shard 2/3` runs the second third of the cases; `--jobs`
 * runs that many at once, where the suite does not measure time. `--limit` is how many minutes one case may take.
 */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chosenSeed } from '../support/random.ts'
import { loadSuite, suiteList } from './runner/load.ts'
import { caseLines, suiteLine, type Tally } from './runner/report.ts'
import { runSuite, SUITES } from './runner/run-suite.ts'
import type { Suite } from './suite.ts'

class UsageError extends Error {}

const say = (text: string): void => void process.stdout.write(text)

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  const rounds = whole('rounds', values.rounds)
  const seed = whole('seed', values.seed) ?? chosenSeed()
  const jobs = whole('jobs', values.jobs) ?? 1
  const limitMs = (whole('limit', values.limit) ?? 30) * 60_000
  const isMine = sharded(values.shard)
  const path = values.suites === undefined ? SUITES : resolve(values.suites)
  const list = await suiteList(path)
  const names = positionals.length === 0 ? Object.keys(list) : [...new Set(positionals)]
  const unknown = names.find((name) => !Object.hasOwn(list, name))
  if (unknown !== undefined) {
    throw new UsageError(`no suite "${unknown}"; there are ${Object.keys(list).join(', ')}`)
  }
  if (values.list !== true) say(`seed ${seed}\n`)
  const total: Tally = { passed: 0, failed: 0 }
  let position = 0
  for (const name of names) {
    const startedAt = performance.now()
    const tally: Tally = { passed: 0, failed: 0 }
    let suite: Suite
    let cases: readonly { readonly name: string }[]
    try {
      suite = await loadSuite(list, name)
      cases = suite.cases({ seed, rounds })
    } catch (error) {
      const breaches = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
      total.failed += 1
      say(caseLines(name, { counts: 'the suite cannot be loaded', breaches }, 0))
      continue
    }
    if (values.list === true) {
      say(`${name}\n${cases.map((each) => `        ${each.name}\n`).join('')}`)
      continue
    }
    const first = position
    position += cases.length
    const indexes = cases.flatMap((_case, index) => (isMine(first + index) ? [index] : []))
    if (indexes.length === 0) continue
    const job = { list: path, suite: name, indexes, seed, rounds, limitMs }
    await runSuite({ ...job, jobs: suite.alone === true ? 1 : jobs }, (end) => {
      tally[end.breaches.length === 0 ? 'passed' : 'failed'] += 1
      say(caseLines(cases[end.index]?.name ?? name, end, end.durationMs))
    })
    total.passed += tally.passed
    total.failed += tally.failed
    say(suiteLine(name, tally, performance.now() - startedAt))
  }
  if (values.list !== true) say(`${total.passed} passed, ${total.failed} failed\n`)
  return total.failed === 0 ? 0 : 1
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seed: { type: 'string' },
        shard: { type: 'string' },
        jobs: { type: 'string' },
        limit: { type: 'string' },
        list: { type: 'boolean' },
        // Another list of suites than `suites.ts`: the tests of this runner have their own.
        suites: { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function whole(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const number = Number(given)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new UsageError(`--${option}: expected an integer from 1, got "${given}"`)
}

/** Whether the case at this position, counted over all suites, is in the shard. */
function sharded(given: string | undefined): (position: number) => boolean {
  if (given === undefined) return () => true
  const [, shard = 0, count = 0] = (/^(\d+)\/(\d+)$/.exec(given) ?? []).map(Number)
  if (shard >= 1 && shard <= count) return (position) => position % count === shard - 1
  throw new UsageError(`--shard: expected I/N with I from 1 to N, such as 1/2, got "${given}"`)
}
