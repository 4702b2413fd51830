/** Stops executors in every state and every way: closing settles in time, and what was left is there for the next one. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createExecutor, type TaskRecord } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild, type Child } from '../support/child.ts'
import { seededRandom } from '../support/random.ts'
import { stopTasks } from './stop-tasks.ts'

export const STATES = [
  'idle',
  'running',
  'stubborn',
  'failing',
  'retry wait',
  'scheduled',
  'waiting',
  'several',
  'hung observer',
  'store away',
] as const
const WAYS = ['close', 'SIGTERM', 'SIGTERM twice', 'SIGINT'] as const
type State = (typeof STATES)[number]
type Way = (typeof WAYS)[number]

export interface StopReport {
  readonly rounds: number
  /** The longest `close` of each state, and the longest from a signal to the end of the process. */
  readonly worstMs: Readonly<Record<State, { readonly close: number; readonly signal: number }>>
  /** Tasks that the next process ran. */
  readonly handedOver: number
  readonly breaches: readonly string[]
}

const PROGRAM = fileURLToPath(new URL('stop-child.ts', import.meta.url))
const GRACE_MS = 300
/** Above the grace where tasks run: as promised, max(grace, shieldGrace) + 3 s at the very most. */
const LIMITS_MS: Readonly<Record<State, number>> = {
  idle: 250,
  'retry wait': 250,
  scheduled: 250,
  'hung observer': 2_500,
  running: GRACE_MS + 1_000,
  stubborn: GRACE_MS + 1_000,
  failing: GRACE_MS + 1_000,
  waiting: GRACE_MS + 1_000,
  several: GRACE_MS + 1_000,
  'store away': GRACE_MS + 3_000,
}
/** What a process needs to hear of a signal, and to end. */
const PROCESS_MS = 500
const WATCHDOG_MS = GRACE_MS + 5_000
/** After its close, a write that the store never answered is tried again for some seconds, and holds the process. */
const LAST_TRIES_MS = 10_000

export async function stopRounds(options: {
  readonly seed: number
  readonly rounds: number
  readonly parallel: number
  /** For slow machines: what the limits may be exceeded by. */
  readonly slackMs?: number
}): Promise<StopReport> {
  const random = seededRandom(options.seed)
  const plan = Array.from({ length: options.rounds }, (_, index) => ({
    // Each state comes with each way before any chance.
    state: STATES[index] ?? random.pick(STATES),
    way: WAYS[index % WAYS.length] as Way,
    luck: random(),
  }))
  const worstMs = Object.fromEntries(
    STATES.map((state) => [state, { close: 0, signal: 0 }]),
  ) as Record<State, { close: number; signal: number }>
  const breaches: string[] = []
  let handedOver = 0
  const worker = async (): Promise<void> => {
    for (let next = plan.shift(); next !== undefined; next = plan.shift()) {
      const { state, way, luck } = next
      const found = await oneStop(state, way, luck, options.slackMs ?? 0)
      const kind = way === 'close' ? 'close' : 'signal'
      worstMs[state][kind] = Math.max(worstMs[state][kind], found.tookMs)
      handedOver += found.handedOver
      breaches.push(...found.breaches.map((breach) => `${state}, ${way}: ${breach}`))
    }
  }
  await Promise.all(Array.from({ length: options.parallel }, worker))
  return { rounds: options.rounds, worstMs, handedOver, breaches }
}

async function oneStop(
  state: State,
  way: Way,
  luck: number,
  slackMs: number,
): Promise<{ tookMs: number; handedOver: number; breaches: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-stop-'))
  const child = startChild(PROGRAM, [state, directory, String(GRACE_MS)])
  const breaches: string[] = []
  let isLate = false
  let watchdog: NodeJS.Timeout | undefined
  try {
    await child.line('ready')
    watchdog = setTimeout(
      () => {
        isLate = true
        child.kill()
      },
      WATCHDOG_MS + slackMs + (state === 'store away' ? LAST_TRIES_MS : 0),
    )
    const tookMs = await stopped(child, way, luck, breaches)
    if (isLate) return { tookMs, handedOver: 0, breaches: ['it hung'] }
    const isCut = way === 'SIGTERM twice'
    const limitMs = (isCut ? WATCHDOG_MS : LIMITS_MS[state]) + slackMs
    const allowedMs = way === 'close' ? limitMs : limitMs + PROCESS_MS
    if (tookMs > allowedMs) breaches.push(`it took ${tookMs} ms, and ${allowedMs} ms are promised`)
    if (child.lines.includes('EXIT')) breaches.push('something called process.exit')
    const after = await lookAfter(state, isCut, directory)
    breaches.push(...after.breaches)
    return { tookMs, handedOver: after.handedOver, breaches }
  } finally {
    clearTimeout(watchdog)
    child.kill()
    await child.ended
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Stops it; answers how long that took: `close` itself, or the end of the process after the signal. */
async function stopped(child: Child, way: Way, luck: number, breaches: string[]): Promise<number> {
  const startedAt = performance.now()
  if (way === 'close') {
    child.write('close')
    const { code, signal, stderr } = await child.ended
    if (code !== 0 || stderr !== '') {
      breaches.push(`the process ended with ${code ?? signal} after its close: ${stderr}`)
    }
    const times = child.lines
      .filter((line) => line.startsWith('closed '))
      .map((line) => Number(line.split(' ')[1]))
    if (times.length === 0) breaches.push('close never settled')
    return Math.max(0, ...times)
  }
  const name = way === 'SIGINT' ? 'SIGINT' : 'SIGTERM'
  child.kill(name)
  if (way === 'SIGTERM twice') setTimeout(() => child.kill('SIGTERM'), luck * GRACE_MS)
  const { code, signal, stderr } = await child.ended
  if (signal !== name || stderr !== '') {
    breaches.push(`the process ended with ${code ?? signal}, not by ${name}: ${stderr}`)
  }
  return Math.round(performance.now() - startedAt)
}

/** What the next executor finds: all that was not over is its to run, and no retry was used up. */
async function lookAfter(
  state: State,
  isCut: boolean,
  directory: string,
): Promise<{ handedOver: number; breaches: string[] }> {
  const breaches: string[] = []
  const next = createExecutor({
    tasks: Object.values(stopTasks(true)),
    backend: sqliteBackend(join(directory, 'tasks.db')),
    observers: [],
    concurrency: 50,
  })
  let handedOver = 0
  next.events.on('attempt.started', () => (handedOver += 1))
  await next.start()
  try {
    const isLater = state === 'scheduled' || state === 'retry wait'
    await waitFor(
      async () => {
        const { pending, running, retrying, scheduled } = await next.counts()
        return pending + running + (isLater ? 0 : retrying + scheduled) === 0
      },
      { timeout: '10s', interval: 20, what: 'everything that was left to run' },
    )
    const { records } = await next.list({ limit: 200 })
    for (const record of records) breaches.push(...wrongEnd(record, state, isCut))
    const expected = { waiting: 200, running: 3, stubborn: 3, several: 3 }
    const least = (expected as Readonly<Partial<Record<State, number>>>)[state] ?? 0
    if (handedOver < least) breaches.push(`the next one ran ${handedOver} of ${least} tasks`)
  } finally {
    await next.close()
  }
  return { handedOver, breaches }
}

function wrongEnd(record: TaskRecord, state: State, isCut: boolean): string[] {
  const { id, name, status, attempt, recoveries } = record
  if (state === 'failing') {
    // A second signal may come before the failure.
    const isRight = status === 'failed' || (isCut && status === 'interrupted')
    return isRight ? [] : [`${id} failed during the grace and is ${status}`]
  }
  const end = { scheduled: 'scheduled', 'retry wait': 'retrying' }[state as string] ?? 'succeeded'
  if (status !== end) return [`${id} (${name}) is ${status}, not ${end}`]
  if (name === 'waiting' && attempt > 0) return [`${id} waited and is at attempt ${attempt}`]
  return attempt - recoveries > 0 ? [`${id} (${name}) has used up a retry`] : []
}
