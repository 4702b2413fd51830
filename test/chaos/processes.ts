/** Several worker processes on one store that are killed and frozen: nothing may be lost, or end twice. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LEASE_MS } from '../../src/executor/lease.ts'
import { startChild, type Child } from '../support/child.ts'
import { seededRandom, type Random } from '../support/random.ts'
import { openJournal, readJournal, type Entry, type Journal } from './journal.ts'
import type { KillCounts } from './kill-check.ts'
import { drainAndCheck, KILL_PROGRAM } from './kill.ts'
import type { Go } from './processes-child.ts'

export interface ProcessesOptions {
  readonly seed: number
  readonly kills: number
  readonly freezes: number
  /** Tasks to accept at least; more when the faults take longer. */
  readonly tasks: number
  /** Whether a lock tells that an owner lives, or its beat alone. On a file the leases run out twenty times as fast. */
  readonly judgedBy: 'locks' | 'leases'
  /** Instead of a file. */
  readonly redis?: {
    readonly url: string
    /** Its leases go by its own clock: so many of the freezes are longer than a real one. */
    readonly longFreezes: number
    /** How often it dies as well. */
    readonly deaths: number
    /** Kills it, and starts it again. */
    kill(): Promise<void>
  }
}

export interface ProcessesReport {
  readonly counts: KillCounts & {
    /** Outcomes of frozen owners that were refused. */
    readonly refused: number
    /** Bodies that a woken process began after the end of their task elsewhere. */
    readonly startedLate: number
    readonly cancelledElsewhere: number
  }
  readonly breaches: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('processes-child.ts', import.meta.url))
const WORKERS = 3
/** A lease of 15 s is 0.75 s long. */
const FAST = 20
const BACKLOG = 40
const TASKS_PER_LIFE = 100_000
/** Until others have what a dead process had, after its lease: beat, sweep, and a second more than is promised. */
const RECOVERY_MS = 7_000

type Fault = 'kill' | 'freeze' | 'long freeze' | 'store'

/** What the workers of one run share. */
interface Run {
  readonly options: ProcessesOptions
  readonly directory: string
  readonly journal: Journal
  readonly random: Random
  readonly epochMs: number
  readonly faults: Fault[]
  /** How fast time runs. */
  readonly factor: number
  /** Those that are up, and not frozen. */
  readonly awake: Set<Child>
  readonly alive: Set<Child>
  /** Those that are frozen for longer than a lease: somebody has to stay who takes over. */
  readonly held: Set<Child>
  /** Long freezes so far. */
  longFreezes: number
}

export async function processesRun(options: ProcessesOptions): Promise<ProcessesReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-processes-'))
  const random = seededRandom(options.seed)
  const isOnLeases = options.judgedBy === 'leases'
  const { deaths = 0, longFreezes = 0 } = options.redis ?? {}
  const faults: Fault[] = [
    ...Array<Fault>(options.kills).fill('kill'),
    ...Array<Fault>(options.freezes - longFreezes).fill('freeze'),
    ...Array<Fault>(longFreezes).fill('long freeze'),
    ...Array<Fault>(deaths).fill('store'),
  ]
  for (let last = faults.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    ;[faults[last], faults[other]] = [faults[other] ?? 'kill', faults[last] ?? 'kill']
  }
  const run: Run = {
    options,
    directory,
    journal: openJournal(join(directory, 'journal')),
    random,
    epochMs: Date.now(),
    faults,
    factor: isOnLeases && options.redis === undefined ? FAST : 1,
    awake: new Set(),
    alive: new Set(),
    held: new Set(),
    longFreezes: 0,
  }
  try {
    const workers = Array.from({ length: WORKERS }, (_, index) => supervise(run, index))
    await Promise.all(workers)
  } finally {
    for (const child of run.alive) child.kill()
  }
  run.journal.close()
  const { factor, epochMs } = run
  const { counts, breaches } = await drainAndCheck(
    startChild(KILL_PROGRAM),
    directory,
    'process',
    isOnLeases ? { zombies: true, factor, epochMs, place: options.redis?.url } : {},
  )
  const entries = readJournal(join(directory, 'journal'))
  const found = [...breaches, ...(isOnLeases ? [] : steals(entries))]
  const cancelled = new Set(
    entries
      .filter(({ mark, id, tag }) => mark === 'C' && id.startsWith('long-') && tag !== undefined)
      .map(({ id }) => id),
  )
  if (found.length === 0) rmSync(directory, { recursive: true, force: true })
  return {
    counts: {
      ...counts,
      refused: entries.filter(({ mark, words }) => mark === 'L' && words[0] === 'stale').length,
      startedLate: startsAfterEnd(entries),
      cancelledElsewhere: cancelled.size,
    },
    breaches: found.map((breach) => `${breach} (kept in ${directory})`),
  }
}

/** Keeps one worker going: starts it, hurts it, and starts the next one when it is dead. */
async function supervise(run: Run, index: number): Promise<void> {
  const { journal, random, faults, options } = run
  let next = startChild(PROGRAM)
  try {
    for (let life = 0; ; life++) {
      const child = next
      run.alive.add(child)
      next = startChild(PROGRAM)
      const tag = `${index}.${life}`
      await begin(run, child, tag)
      const stopCancels = cancelLongOnes(run, child)
      for (;;) {
        await sleep(10 + random() * 150)
        const fault = faults.pop()
        if (fault === undefined) await enough(run)
        if (fault === 'long freeze' && run.awake.size < 2) {
          // Somebody has to be there to take over.
          faults.unshift(fault)
          continue
        }
        if (fault === 'freeze' || fault === 'long freeze') {
          await freeze(run, child, tag, fault === 'long freeze')
          continue
        }
        if (fault === 'store') {
          await options.redis?.kill()
          continue
        }
        stopCancels()
        run.awake.delete(child)
        journal.write('K', tag)
        child.kill()
        await unhurt(child)
        run.alive.delete(child)
        if (fault === undefined) return
        break
      }
      if (options.judgedBy === 'leases' && random() < 0.3) await sleep(random() * 800)
    }
  } finally {
    next.kill()
    await next.ended
  }
}

async function begin(run: Run, child: Child, tag: string): Promise<void> {
  const { options, directory, random, epochMs, factor } = run
  await child.line('loaded')
  const go: Go = {
    directory,
    place: options.redis?.url ?? join(directory, 'tasks.db'),
    tag,
    seed: random.below(1 << 30),
    factor,
    epochMs,
    judgedBy: options.judgedBy,
    backlog: BACKLOG,
    limit: TASKS_PER_LIFE,
  }
  child.write(`go ${JSON.stringify(go)}`)
  await child.line('accepted')
  run.awake.add(child)
}

async function freeze(run: Run, child: Child, tag: string, isLong: boolean): Promise<void> {
  if (isLong) {
    await freezeLong(run, child, tag)
    return
  }
  const { options, random } = run
  const isPastLease = options.judgedBy === 'leases' && options.redis === undefined
  await frozen(run, child, tag, () => sleep((isPastLease ? 900 : 300) + random() * 900))
}

/** For longer than a lease: each other one until somebody must have taken over, the rest also where nobody may have yet. */
async function freezeLong(run: Run, child: Child, tag: string): Promise<void> {
  const { random, directory, held } = run
  held.add(child)
  try {
    await hold(child)
    const isTaken = run.longFreezes++ % 2 === 0
    const beyondMs = isTaken ? RECOVERY_MS : 1_000 + random() * 4_000
    await frozen(run, child, tag, () => sleep(LEASE_MS + beyondMs))
    await refused(directory, tag, isTaken)
    child.write('release')
  } finally {
    held.delete(child)
  }
}

async function frozen(
  { journal, awake }: Run,
  child: Child,
  tag: string,
  pass: () => Promise<void>,
): Promise<void> {
  awake.delete(child)
  journal.write('S', tag)
  child.kill('SIGSTOP')
  await pass()
  journal.write('T', tag)
  child.kill('SIGCONT')
  awake.add(child)
}

/** Its connections may have died meanwhile: it has to get as far as having its outcomes refused. */
async function refused(directory: string, tag: string, isTaken: boolean): Promise<void> {
  const until = performance.now() + (isTaken ? 30_000 : 8_000)
  const isOf = ({ mark, words, tag: writer }: Entry): boolean =>
    mark === 'L' && words[0] === 'stale' && writer === tag
  while (!readJournal(join(directory, 'journal')).some(isOf) && performance.now() < until) {
    await sleep(250)
  }
}

/** Something has to run that becomes another's. Where all slots are taken for long, it is frozen without. */
async function hold(child: Child): Promise<void> {
  const held = (): number => child.lines.filter((line) => line.startsWith('held ')).length
  const before = held()
  child.write('hold')
  const until = performance.now() + 20_000
  while (held() === before && performance.now() < until) await sleep(5)
}

/** Tells another worker to cancel each task of this one that runs until it is. Answers how to stop. */
function cancelLongOnes({ awake, random }: Run, child: Child): () => void {
  const asked = new Map<string, number>()
  const timer = setInterval(() => {
    for (const line of child.lines) {
      const [word, id = ''] = line.split(' ')
      if (word !== 'long') continue
      const times = asked.get(id) ?? 0
      const others = [...awake].filter((other) => other !== child)
      if (others.length === 0 || times >= 20) continue
      asked.set(id, times + 1)
      random.pick(others).write(`cancel ${id}`)
    }
  }, 50)
  return () => clearInterval(timer)
}

async function enough({ directory, options, held }: Run): Promise<void> {
  const accepted = (): number =>
    readFileSync(join(directory, 'journal'), 'utf8').split('\nA ').length - 1
  while (accepted() < options.tasks || held.size > 0) await sleep(100)
}

async function unhurt(child: Child): Promise<void> {
  const { code, signal, stderr } = await child.ended
  if (signal === 'SIGKILL' && stderr === '') return
  throw new Error(`a worker ended by itself (code ${code}, signal ${signal}): ${stderr}`)
}

/** Starts in another process although the one before was not dead: frozen is not dead where locks tell. */
export function steals(entries: readonly Entry[]): string[] {
  const killed = new Set<string>()
  const lastStart = new Map<string, string>()
  const found: string[] = []
  for (const { mark, id, tag } of entries) {
    if (mark === 'K') killed.add(id)
    if (mark !== 'R') continue
    const before = lastStart.get(id)
    if (before !== undefined && before !== tag && !killed.has(before)) {
      found.push(`${id} was started by ${tag ?? 'the drain'} while ${before} lived`)
    }
    if (tag !== undefined) lastStart.set(id, tag)
  }
  return found
}

function startsAfterEnd(entries: readonly Entry[]): number {
  const ended = new Set<string>()
  let count = 0
  for (const { mark, id } of entries) {
    if (mark === 'D') ended.add(id)
    if (mark === 'R' && ended.has(id)) count += 1
  }
  return count
}
