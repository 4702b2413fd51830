/** Tasks that end their process, in every way, among others that do not: they are stopped, and the others finish. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createExecutor, type TaskRecord } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { startChild } from '../support/child.ts'
import { seededRandom } from '../support/random.ts'

/** How each ends the process it runs in; `stack` only fails. */
export const POISONS = ['kill', 'exit', 'abort', 'memory', 'loop', 'stack'] as const
type Poison = (typeof POISONS)[number]

export interface PoisonReport {
  readonly deaths: number
  readonly crashLoops: number
  readonly neighbours: number
  readonly breaches: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('poison-child.ts', import.meta.url))
/** Small, so that running out of memory takes no time; and no core files. */
const CHILD = {
  execArgv: ['--max-old-space-size=64'],
  under: ['sh', '-c', 'ulimit -c 0; exec "$@"', 'sh'],
}
/** A supervisor's patience with a process that says nothing. */
const HUNG_MS = 3_000
const LIMIT_MS = 150_000
const NEIGHBOURS = 100
const MAX_CRASHES = 3

export interface PoisonOptions {
  readonly poisons: readonly Poison[]
  /** Workers on the file, each in a process of its own, and the attempts at once in each. */
  readonly executors: number
  readonly concurrency: number
  readonly seed: number
}

export async function poisonRun({
  poisons,
  executors,
  concurrency,
  seed,
}: PoisonOptions): Promise<PoisonReport> {
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-poison-'))
  const web = createExecutor({
    work: false,
    backend: sqliteBackend(join(directory, 'tasks.db')),
    observers: [],
  })
  const breaches: string[] = []
  const run = { deaths: 0, isOver: false, args: [directory, String(concurrency)] }
  const limit = setTimeout(() => {
    breaches.push(`it was not over after ${LIMIT_MS} ms`)
    run.isOver = true
  }, LIMIT_MS)
  try {
    const names = [...poisons, ...Array.from({ length: NEIGHBOURS }, () => 'neighbour')]
    for (const name of names) {
      const isPoison = name !== 'neighbour'
      await web.enqueue(name, isPoison ? undefined : { workMs: random.below(10) }, {
        retries: isPoison ? 5 : 3,
        priority: random.below(3),
      })
    }
    await Promise.all(Array.from({ length: executors }, () => supervise(run)))
    const records = await all(web)
    breaches.push(...records.flatMap(wrongEnd))
    const crashLoops = records.filter(({ reason }) => reason === 'crash_loop').length
    const neighbours = records.filter(
      ({ name, status }) => name === 'neighbour' && status === 'succeeded',
    ).length
    return { deaths: run.deaths, crashLoops, neighbours, breaches }
  } finally {
    clearTimeout(limit)
    run.isOver = true
    await web.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Starts a worker again whenever it dies, and kills it when it hangs, until nothing is live. */
async function supervise(run: {
  deaths: number
  isOver: boolean
  readonly args: readonly string[]
}): Promise<void> {
  while (!run.isOver) {
    const child = startChild(PROGRAM, run.args, CHILD)
    let isDead = false
    void child.ended.then(() => (isDead = true))
    let said = 0
    let since = performance.now()
    while (!isDead && !run.isOver) {
      await sleep(20)
      if (child.lines.includes('done')) run.isOver = true
      if (child.lines.length > said) {
        said = child.lines.length
        since = performance.now()
      }
      if (performance.now() - since > HUNG_MS) child.kill()
    }
    if (isDead) run.deaths += 1
    child.kill()
    await child.ended
  }
}

async function all(web: ReturnType<typeof createExecutor>): Promise<readonly TaskRecord[]> {
  const { records } = await web.list({ limit: 200 })
  return records
}

function wrongEnd(record: TaskRecord): string[] {
  const { name, status, reason, recoveries, attempt } = record
  const what = `${name} is ${status} (${reason ?? 'no reason'}) after ${recoveries} recoveries and attempt ${attempt}`
  if (name === 'neighbour') return status === 'succeeded' ? [] : [what]
  if (name === 'stack') {
    // Failed by itself, as often as it may; a crash beside it may have cut it off as well.
    return status === 'failed' && reason === 'error' ? [] : [what]
  }
  const isStopped = status === 'failed' && reason === 'crash_loop' && recoveries === MAX_CRASHES
  return isStopped ? [] : [what]
}
