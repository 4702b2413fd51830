/** Redis is away while tasks run: what callers are told, what becomes of the outcomes, and of tasks that others took over. */

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutorStats, TaskRecord } from '../../../src/index.ts'
import { createExecutor } from '../../../src/index.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild, type Child } from '../../support/child.ts'
import { openStore } from '../open-store.ts'
import type { CaseReport } from '../suite.ts'
import { spread } from './life.ts'
import { openPlace } from './outages.ts'
import { talkTo, type Talk } from './talk.ts'

const PROGRAM = fileURLToPath(new URL('away-child.ts', import.meta.url))
/** Its last try begins within 1 s, and waits for 2 s; and what the machine needs. */
const ENQUEUE_LIMIT_MS = 3_300
const RUNNING = 20
const HELD = 5

interface Member extends Talk {
  readonly child: Child
}

/** Frozen or refused for so long, with one executor: everything goes on when it is back. */
export async function storeAway(how: 'SIGSTOP' | 'refused', seconds: number): Promise<CaseReport> {
  const place = await openPlace()
  const member = await startMember(place.url, 0)
  const { child, said } = member
  try {
    // Their bodies end while Redis is away.
    for (let index = 0; index < RUNNING; index++) child.write(`enqueue work ${1_000 + index * 100}`)
    await waitFor(() => said('began').length === RUNNING, { what: 'the tasks to run' })
    if (how === 'SIGSTOP') place.server.signal('SIGSTOP')
    else place.proxy.refuse()
    const until = Date.now() + seconds * 1_000
    let asked = 0
    let wasReady = true
    while (Date.now() < until) {
      asked += 1
      child.write('enqueue work 10')
      await sleep(500)
      if (Date.now() > until - 1_000) wasReady = (await member.ask<ExecutorStats>('stats')).ready
    }
    const ranMeanwhile = said('over').length
    const refused = said('refused')
    const endedMeanwhile = said('end').length
    if (how === 'SIGSTOP') place.server.signal('SIGCONT')
    else place.proxy.heal()
    const healedAt = performance.now()
    await waitFor(() => said('end').length >= RUNNING, { timeout: '30s', what: 'the outcomes' })
    const writtenMs = Math.round(performance.now() - healedAt)
    await waitFor(async () => (await member.ask<ExecutorStats>('stats')).ready, {
      timeout: '30s',
      what: 'ready',
    })
    const readyMs = Math.round(performance.now() - healedAt)
    // What was refused may be stored all the same, and then runs.
    await waitFor(() => said('refused').length + said('accepted').length === asked + RUNNING, {
      timeout: '30s',
      what: 'all enqueues to be answered',
    })
    await sleep(1_000)
    const records = await recordsAt(place.server.url)
    const took = refused.map(([, , ms]) => Number(ms))
    const reasons = new Set(refused.map(([code, reason]) => `${code} ${reason}`))
    const { words, breaches: wrong } = outcomes(said, records)
    const breaches = [
      ...wrong,
      ...(ranMeanwhile >= RUNNING ? [] : [`${ranMeanwhile} of ${RUNNING} bodies ended meanwhile`]),
      ...(endedMeanwhile === 0
        ? []
        : [`${endedMeanwhile} outcomes were told before they were stored`]),
      ...(wasReady ? ['it said that it was ready'] : []),
      ...(refused.length > 0 ? [] : ['no enqueue was refused']),
      ...(Math.max(...took) <= ENQUEUE_LIMIT_MS ? [] : [`an enqueue took ${Math.max(...took)} ms`]),
      ...[...reasons].filter((reason) => !reason.startsWith('BACKEND_UNAVAILABLE ')),
    ]
    await member.close()
    return {
      counts: `away for ${seconds} s; ${refused.length} enqueues refused (${[...reasons].join(', ')}; ${spread(took)}), ${ranMeanwhile} bodies ended meanwhile, their outcomes stored ${writtenMs} ms after the heal, ready after ${readyMs} ms; ${words}`,
      breaches,
    }
  } finally {
    child.kill()
    await place.close()
  }
}

/** One of two executors is cut off for longer than its lease: the other takes over, and the first one is told. */
export async function cutOff(seconds: number): Promise<CaseReport> {
  const place = await openPlace()
  const lost = await startMember(place.url, 600_000)
  // It comes to its own only when the first is cut off: what it takes over ends at once.
  const other = await startMember(place.server.url, 10)
  try {
    // Which of the two runs a task is open: enough of them to be held by the first.
    while (lost.said('began').length < HELD) {
      lost.child.write('enqueue hold 0')
      await sleep(20)
    }
    place.proxy.blackHole()
    const cutAt = performance.now()
    const held = lost.said('began').map(([id]) => id)
    await waitFor(() => held.every((id) => other.said('over').some(([each]) => each === id)), {
      timeout: '60s',
      interval: 20,
      what: 'the other to take over',
    })
    const takenMs = Math.round(performance.now() - cutAt)
    await sleep(Math.max(0, seconds * 1_000 - takenMs))
    const early = lost.said('aborted').length
    place.proxy.heal()
    const healedAt = performance.now()
    await waitFor(() => lost.said('aborted').length === held.length, {
      timeout: '30s',
      what: 'the bodies to be aborted',
    })
    const abortedMs = Math.round(performance.now() - healedAt)
    await waitFor(async () => (await lost.ask<ExecutorStats>('stats')).ready, {
      timeout: '30s',
      what: 'ready',
    })
    await sleep(500)
    const records = await recordsAt(place.server.url)
    const reasons = lost.said('aborted').filter(([, reason]) => reason !== 'lease_lost')
    const { words, breaches: wrong } = outcomes(
      (word) => [...lost.said(word), ...other.said(word)],
      records,
    )
    const breaches = [
      ...wrong,
      ...reasons.map(([id, reason]) => `${id} was aborted with ${reason}`),
    ]
    await Promise.all([lost.close(), other.close()])
    return {
      counts: `cut off for ${seconds} s; ${held.length} running tasks taken over and finished ${takenMs} ms after the cut, their bodies here aborted as lease_lost ${abortedMs} ms after the heal (${early} before it); ${words}`,
      breaches,
    }
  } finally {
    lost.child.kill()
    other.child.kill()
    await place.close()
  }
}

async function startMember(url: string, holdMs: number): Promise<Member> {
  const child = startChild(PROGRAM, [url, String(holdMs)])
  await child.line('ready ')
  return { child, ...talkTo(child) }
}

/** Every accepted task has one outcome, and it is a success. */
function outcomes(
  said: (word: string) => string[][],
  records: readonly TaskRecord[],
): { readonly words: string; readonly breaches: readonly string[] } {
  const statuses = new Map(records.map(({ id, status }) => [id, status]))
  const ends = new Map<string, number>()
  for (const [id = ''] of said('end')) ends.set(id, (ends.get(id) ?? 0) + 1)
  const lost = said('accepted').filter(([id = '']) => statuses.get(id) !== 'succeeded')
  const twice = [...ends].filter(([, count]) => count > 1)
  return {
    words: `${said('accepted').length} accepted, ${lost.length} lost, ${twice.length} ended twice`,
    breaches: [
      ...lost.map(([id = '']) => `${id} was accepted and is ${statuses.get(id) ?? 'gone'}`),
      ...twice.map(([id, count]) => `${id} has ended ${count} times`),
    ],
  }
}

async function recordsAt(url: string): Promise<readonly TaskRecord[]> {
  const executor = createExecutor({ work: false, backend: await openStore(url), observers: [] })
  try {
    await executor.start()
    return (await executor.list({ limit: 200, order: 'oldest' })).records
  } finally {
    await executor.close()
  }
}
