import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readEvents } from '../../../src/observers/redis-stream/read.ts'
import { readSqliteEvents } from '../../../src/observers/sqlite-stream/read.ts'
import type { StreamItem } from '../../../src/observers/stream/item.ts'
import { startChild } from '../../support/child.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'

const program = join(import.meta.dirname, 'live-events-program.ts')
const TASKS = 50

it.each(['redis', 'sqlite'])(
  'shows what executors of other processes do, while they do it: %s',
  async (kind) => {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-live-'))
    const stream = freshPrefix()
    const place = kind === 'redis' ? await redisUrl() : join(directory, 'events.db')
    try {
      const items =
        kind === 'redis'
          ? readEvents({ client: place, stream, from: 'start' })
          : readSqliteEvents(place, { from: 'start' })
      const workers = [1, 2].map(() => startChild(program, [kind, place, stream, `${TASKS}`]))
      const seen: StreamItem[] = []
      const delays: number[] = []
      let closed = 0
      for await (const item of items) {
        seen.push(item)
        if (item.type !== 'event') break
        delays.push(Date.now() - item.event.time)
        if (item.event.type === 'executor.closed') closed += 1
        if (closed === workers.length) break
      }
      for (const { ended } of workers) expect(await ended).toMatchObject({ code: 0, stderr: '' })
      for (const { pid } of workers) {
        const mine = seen.flatMap(({ event }) =>
          event?.executorId === `worker-${pid}` ? [event] : [],
        )
        const story = ['task.enqueued', 'attempt.started', 'task.log', 'task.succeeded']
        expect(mine.map(({ type }) => type)).toEqual([
          'executor.started',
          ...Array.from({ length: TASKS }, () => story).flat(),
          'executor.closed',
        ])
        expect(mine.map(({ seq }) => seq)).toEqual(
          mine.map(({ seq }) => seq).toSorted((a, b) => a - b),
        )
      }
      // The machine may be busy; most are there at once.
      expect(delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)]).toBeLessThan(1_000)
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
  30_000,
)
