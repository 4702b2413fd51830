/**
 * The long tier: `npm run test:chaos [-- SUITE] [--rounds N] [--seed S]`.
 *
 * Suites are `kill`, `faults` and `hostile`; all of them unless one is named. `--rounds` is the number of kills per
 * durability, of seeds per fault, or of values per entry. The seed that is printed repeats the run, as far as the
 * moments of kills allow.
 */

import { parseArgs } from 'node:util'
import { chosenSeed } from '../support/random.ts'
import { BACKENDS, FAULTS, FAULTY_METHODS, faultRun } from './faults.ts'
import { ENTRIES } from './hostile/entries.ts'
import { runHostile } from './hostile.ts'
import { killRounds } from './kill.ts'

interface Case {
  readonly name: string
  /** Answers a line of counts, and what went wrong. */
  run(): Promise<{ readonly counts: string; readonly breaches: readonly string[] }>
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, seed: { type: 'string' } },
})
const seed = values.seed === undefined ? chosenSeed() : Number(values.seed)
const rounds = (byDefault: number): number =>
  values.rounds === undefined ? byDefault : Number(values.rounds)

const suites: Readonly<Record<string, () => readonly Case[]>> = {
  kill: () =>
    (['process', 'power'] as const).map((durability) => ({
      name: `kill -9, durability ${durability}`,
      async run() {
        const { counts, breaches, ...rest } = await killRounds({
          rounds: rounds(1_000),
          seed,
          durability,
        })
        const { accepted, records, runs, reruns, interrupted, crashLoops } = counts
        const lost = breaches.filter((breach) => breach.endsWith('is lost')).length
        return {
          counts: `${rest.rounds} kills, ${accepted} accepted, ${lost} lost, ${records} records, ${runs} runs, ${reruns} again after a kill, ${interrupted} interrupted, ${crashLoops} crash loops`,
          breaches,
        }
      },
    })),
  faults: () =>
    BACKENDS.flatMap((backend) =>
      [...FAULTY_METHODS, 'all' as const].map((method) => ({
        name: `faults in ${method}, ${backend}`,
        async run() {
          const total = { runs: 0, accepted: 0, faults: 0 }
          const breaches: string[] = []
          for (const fault of FAULTS) {
            for (let each = seed; each < seed + rounds(200); each++) {
              const report = await faultRun({ backend, method, fault, seed: each })
              total.runs += 1
              total.accepted += report.accepted
              total.faults += report.faults
              breaches.push(...report.breaches.map((text) => `${fault}, seed ${each}: ${text}`))
            }
          }
          return {
            counts: `${total.runs} runs, ${total.faults} faults, ${total.accepted} accepted`,
            breaches,
          }
        },
      })),
    ),
  hostile: () =>
    ENTRIES.map((entry) => ({
      name: `hostile values, ${entry.name}`,
      async run() {
        const { runs, refused, breaches } = await runHostile(entry, rounds(100_000), seed)
        return { counts: `${runs} values, ${refused} refused`, breaches }
      },
    })),
}

const name = positionals[0]
const chosen = name === undefined ? Object.values(suites) : [suites[name]]
let passed = 0
let failed = 0
process.stdout.write(`seed ${seed}\n`)
for (const suite of chosen) {
  if (suite === undefined) {
    process.stderr.write(`no suite "${name}"; there are ${Object.keys(suites).join(', ')}\n`)
    process.exit(2)
  }
  for (const each of suite()) await runCase(each)
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
// Waits with long timeouts may be pending: nobody waits for them any more.
process.exit(failed === 0 ? 0 : 1)

async function runCase({ name: title, run }: Case): Promise<void> {
  const startedAt = performance.now()
  let counts = ''
  let breaches: readonly string[]
  try {
    ;({ counts, breaches } = await run())
  } catch (error) {
    breaches = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  if (breaches.length === 0) passed += 1
  else failed += 1
  const verdict = breaches.length === 0 ? 'ok    ' : 'FAILED'
  process.stdout.write(`${verdict}  ${title}: ${counts} (${seconds} s)\n`)
  for (const breach of breaches.slice(0, 20)) process.stdout.write(`        ${breach}\n`)
  if (breaches.length > 20) process.stdout.write(`        … ${breaches.length - 20} more\n`)
}
