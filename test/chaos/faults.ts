/** A real executor over a store that fails on purpose, by a seeded plan: what was promised has to hold all the same. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryBackend } from '../../src/index.ts'
import type { Backend } from '../../src/backends/backend.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import type { BackendMethod, Fault, FaultPlan } from '../../src/testing/faulty-backend.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { seededRandom, type Random } from '../support/random.ts'
import { earlierLife, firstLife, secondLife } from './fault-lives.ts'
import { createWitness } from './witness.ts'

export const FAULTY_METHODS: readonly BackendMethod[] = [
  'open',
  'insert',
  'claim',
  'update',
  'append',
  'requestCancel',
  'beat',
  'deadOwners',
  'adopt',
  'owned',
  'countUnknown',
  'get',
  'logs',
  'sweep',
  'close',
]
export const FAULTS = ['failBefore', 'failAfter', 'hang', 'slow'] as const
export const BACKENDS = ['memory', 'sqlite'] as const

export interface FaultCase {
  readonly backend: (typeof BACKENDS)[number]
  /** `all`: any method may fail. */
  readonly method: BackendMethod | 'all'
  readonly fault: (typeof FAULTS)[number]
  readonly seed: number
}

export interface FaultReport {
  readonly breaches: readonly string[]
  readonly accepted: number
  /** Calls that were made to fail. */
  readonly faults: number
}

/** After so many faults the store is well again, so that everything can end. */
const MAX_FAULTS = 30

export async function faultRun(given: FaultCase): Promise<FaultReport> {
  const random = seededRandom(given.seed)
  const clock = manualClock()
  const witness = createWitness()
  const directory =
    given.backend === 'sqlite' ? mkdtempSync(join(tmpdir(), 'plainsight-fault-')) : undefined
  const memory = memoryBackend()
  const open = (): Backend =>
    directory === undefined ? memory : sqliteBackend(join(directory, 'tasks.db'))
  try {
    const { plan, count } = faultPlan(given, random)
    await earlierLife(open(), clock, witness)
    await firstLife(open(), plan, clock, random, witness)
    await secondLife(open(), clock, witness)
    return { breaches: witness.breaches, accepted: witness.accepted.size, faults: count() }
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
}

function faultPlan(given: FaultCase, random: Random): { plan: FaultPlan; count: () => number } {
  // A hang costs 10 s each time: rarer, or a run is nothing else.
  const rate = (given.fault === 'hang' ? 0.25 : 0.4) * (0.3 + random())
  let count = 0
  const plan: FaultPlan = ({ method }) => {
    // Records are only asked for by their owner once a claim was not answered.
    if (given.method === 'owned' && method === 'claim' && random() < 0.3) return 'failAfter'
    if (given.method !== 'all' && method !== given.method) return undefined
    if (count >= MAX_FAULTS || random() >= rate) return undefined
    count += 1
    const fault: Fault = given.fault === 'slow' ? { slowMs: random.below(3) } : given.fault
    return fault
  }
  return { plan, count: () => count }
}
