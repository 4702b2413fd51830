/** Two processes write one stream over a link that is cut again and again, and one of them is restarted. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../support/random.ts'
import type { CaseReport } from '../suite.ts'
import { account, breachesOf, startLife, type Life } from './life.ts'
import { openPlace } from './outages.ts'

export async function resets(count: number, seed: number): Promise<CaseReport> {
  const random = seededRandom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-resets-'))
  const place = await openPlace([])
  const journals: string[] = []
  const lives = new Set<Life>()
  const start = async (): Promise<Life> => {
    const journal = join(directory, `journal-${journals.length}`)
    journals.push(journal)
    const life = await startLife({
      url: place.url,
      stream: 'events',
      journal,
      records: 'memory',
      reads: false,
      everyMs: 10,
      workMs: 1,
      lines: 2,
    })
    lives.add(life)
    return life
  }
  let dropped = 0
  const end = async (life: Life): Promise<void> => {
    await life.enough()
    await life.delivered()
    dropped += (await life.close()).dropped
    lives.delete(life)
  }
  try {
    const [first, second] = await Promise.all([start(), start()])
    let restart: Promise<Life> | undefined
    for (let done = 0; done < count; done++) {
      await sleep(50 + random() * 250)
      place.proxy.reset()
      // Its last events are still on their way when the link is cut.
      if (done === Math.floor(count / 2)) restart = end(second).then(start)
    }
    const third = await restart
    await sleep(500)
    await Promise.all([end(first), ...(third === undefined ? [] : [end(third)])])
    const found = await account(place.server.url, 'events', journals)
    const breaches = [
      ...breachesOf(found),
      ...(found.lost === 0 ? [] : [`${found.lost} events are lost`]),
      ...(found.told === 0 ? [] : [`the stream tells of ${found.told} lost events`]),
      ...(dropped === 0 ? [] : [`${dropped} events were dropped`]),
    ]
    if (breaches.length === 0) rmSync(directory, { recursive: true, force: true })
    return {
      counts: `${count} resets, ${journals.length} lives of 2 writers, ${found.emitted} emitted, ${found.stored} stored, ${found.lost} lost, ${found.duplicated} duplicated, ${found.disordered} out of order`,
      breaches,
    }
  } finally {
    for (const life of lives) life.kill()
    await place.close()
  }
}
