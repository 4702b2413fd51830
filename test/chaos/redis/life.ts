/** A process of `life-child.ts`, and what its journal says against what is in the stream. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import type { LifeSettings, LifeStats } from './life-child.ts'
import { storedEvents } from './stored.ts'
import { talkTo } from './talk.ts'

const PROGRAM = fileURLToPath(new URL('life-child.ts', import.meta.url))

export interface Life {
  /** The lines that begin with this word, without it. */
  said(word: string): string[][]
  mark(): void
  stats(): Promise<LifeStats>
  /** No more enqueues; resolves when nothing is left to run. */
  enough(): Promise<void>
  /** Resolves when everything has reached the stream, or `ms` are over. */
  delivered(ms?: number): Promise<void>
  /** Closes it in order; rejects when it said a word on stderr, or ended badly. */
  close(): Promise<LifeStats>
  kill(signal?: NodeJS.Signals): void
}

/** `isReady`: only when it has opened its store. */
export async function startLife(settings: LifeSettings, isReady = true): Promise<Life> {
  const child = startChild(PROGRAM, [JSON.stringify(settings)])
  const { said, ask, close } = talkTo(child)
  const life: Life = {
    said,
    mark: () => child.write('mark'),
    stats: () => ask<LifeStats>('stats'),
    async enough() {
      child.write('enough')
      await child.line('drained')
    },
    async delivered(ms = 30_000) {
      await waitFor(async () => (await life.stats()).queued === 0, {
        timeout: ms,
        interval: 50,
        what: 'the buffer to be empty',
      })
    },
    async close() {
      await close()
      const [words = []] = said('closed')
      return JSON.parse(words.join(' ')) as LifeStats
    },
    kill: (signal) => child.kill(signal),
  }
  if (isReady) await child.line('ready ')
  return life
}

/** What a stream holds of what was emitted. */
export interface Account {
  readonly emitted: number
  readonly stored: number
  readonly lost: number
  readonly duplicated: number
  /** Events that come before an earlier one of the same executor. */
  readonly disordered: number
  /** Events of which no journal knows. */
  readonly unknown: number
  /** As the gaps in the stream say. */
  readonly told: number
  /** Entries that do not follow the one before of their writer. */
  readonly holes: number
}

export async function account(
  url: string,
  stream: string,
  journals: readonly string[],
): Promise<Account> {
  const emitted = new Set(journals.flatMap(emittedIn))
  const { events, told, holes } = await storedEvents(url, stream)
  const seen = new Set<string>()
  const last = new Map<string, number>()
  let duplicated = 0
  let disordered = 0
  let unknown = 0
  for (const { executorId, seq } of events) {
    const name = `${executorId} ${seq}`
    if (seen.has(name)) duplicated += 1
    else if (seq < (last.get(executorId) ?? -1)) disordered += 1
    if (!emitted.has(name)) unknown += 1
    seen.add(name)
    last.set(executorId, seq)
  }
  const lost = [...emitted].filter((name) => !seen.has(name)).length
  return {
    emitted: emitted.size,
    stored: seen.size,
    lost,
    duplicated,
    disordered,
    unknown,
    told,
    holes,
  }
}

/** What can never be, whatever happened. */
export function breachesOf({ duplicated, disordered, unknown, holes }: Account): string[] {
  return [
    ...(duplicated === 0 ? [] : [`${duplicated} events are in the stream twice`]),
    ...(disordered === 0 ? [] : [`${disordered} events are not in their executor's order`]),
    ...(unknown === 0 ? [] : [`${unknown} events are in the stream that nobody emitted`]),
    ...(holes === 0 ? [] : [`${holes} entries do not follow the one before`]),
  ]
}

/** `EXECUTOR SEQ` of each event. */
function emittedIn(journal: string): string[] {
  return linesOf(journal).flatMap(([executor = '', seq = '']) =>
    executor === 'accepted' ? [] : [`${executor} ${seq}`],
  )
}

/** What became of the tasks that were accepted. */
export interface TaskAccount {
  /** Ids of those that have not ended. */
  readonly lost: readonly string[]
  /** Of those that have ended more than once. */
  readonly twice: readonly string[]
}

export function accountOfTasks(journals: readonly string[]): TaskAccount {
  const ends = new Map<string, number>()
  const accepted: string[] = []
  for (const [first = '', second = '', type, task = ''] of journals.flatMap(linesOf)) {
    if (first === 'accepted') accepted.push(second)
    if (type === 'task.succeeded') ends.set(task, (ends.get(task) ?? 0) + 1)
  }
  return {
    lost: accepted.filter((id) => !ends.has(id)),
    twice: [...ends].flatMap(([id, count]) => (count > 1 ? [id] : [])),
  }
}

export function breachesOfTasks({ lost, twice }: TaskAccount): string[] {
  return [
    ...lost.map((id) => `${id} was accepted and has not ended`),
    ...twice.map((id) => `${id} has ended twice`),
  ]
}

function linesOf(journal: string): string[][] {
  return readFileSync(journal, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

/** `worst 1.9 s, median 0.4 s`. */
export function spread(ms: readonly number[]): string {
  const seconds = (value: number): string => `${(value / 1_000).toFixed(2)} s`
  return `worst ${seconds(Math.max(...ms))}, median ${seconds(percentile(ms, 0.5))}`
}
