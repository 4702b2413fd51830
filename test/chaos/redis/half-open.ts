/** A link that died without a word: everything that uses it has to notice, and come back. */

import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CaseReport } from '../suite.ts'
import { account, accountOfTasks, breachesOf, breachesOfTasks } from './life.ts'
import { backAfter, lifeAt } from './many-outages.ts'

export type Direction = 'both' | 'to-server' | 'to-client'

const LIMIT_MS = 25_000
const HOLE_MS = 500

/** From the moment the hole opens; a new connection would get through soon after it, the old ones stay dead. */
export async function halfOpen(direction: Direction): Promise<CaseReport> {
  const { directory, journal, place, life } = await lifeAt('half-open', 50)
  try {
    await backAfter(life, Date.now())
    const before = await life.stats()
    const at = Date.now()
    place.proxy.blackHole(direction)
    await sleep(HOLE_MS)
    place.proxy.heal()
    const { ranMs, readMs } = await backAfter(life, at + HOLE_MS, 60_000)
    await life.delivered()
    const writtenMs = Date.now() - at
    await life.enough()
    await life.delivered()
    const { accepted, refused, dropped } = await life.close()
    const found = await account(place.server.url, 'events', [journal])
    const tasks = accountOfTasks([journal])
    const worst = Math.max(ranMs, readMs) + HOLE_MS
    const breaches = [
      ...breachesOf(found),
      ...breachesOfTasks(tasks),
      ...(worst <= LIMIT_MS ? [] : [`it took ${worst} ms until everything was back`]),
      ...(found.lost === 0 && dropped === 0 ? [] : [`${found.lost} events are lost`]),
      ...(accepted > before.accepted ? [] : ['nothing was accepted after it']),
    ]
    if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
    const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
    return {
      counts: `tasks run again after ${seconds(ranMs + HOLE_MS)}, events are read after ${seconds(readMs + HOLE_MS)}, the observer has caught up after at most ${seconds(writtenMs)}; ${accepted} tasks accepted, ${refused} refused, ${tasks.lost.length} lost, ${tasks.twice.length} ended twice; ${found.stored} events, ${found.lost} lost, ${found.duplicated} duplicated`,
      breaches,
    }
  } finally {
    life.kill()
    await place.close()
  }
}
