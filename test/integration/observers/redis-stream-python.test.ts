import { type ChildProcess, spawn } from 'node:child_process'
import { Redis } from 'ioredis'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { UnavailableError } from '../../../scripts/services/cache.ts'
import { redisPy, type RedisPy } from '../../../scripts/services/redis-py.ts'
import { redisStreamObserver } from '../../../src/observers/redis-stream.ts'
import { readEvents } from '../../../src/observers/redis-stream/read.ts'
import { HOSTILE_TEXTS, sampleEventsWith } from '../../../src/testing/hostile-text.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'
import { blocksOf } from '../../package/doc-blocks.ts'
import { freshPrefix, redisUrl } from '../../support/shared-redis.ts'
import { logEvent, upTo } from '../../support/stream-events.ts'

const [program, ...more] = blocksOf('docs/event-streams.md').filter(({ kind }) => kind === 'python')

it('has one Python program on its page, of at most 25 lines', () => {
  expect(more).toEqual([])
  expect(program?.text.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
})

it(
  "is read by the page's Python program, with a stock client, as by readEvents",
  { timeout: 90_000 },
  async ({ skip }) => {
    let py: RedisPy
    try {
      py = await redisPy()
    } catch (error) {
      if (error instanceof UnavailableError) return skip(error.message)
      throw error
    }
    const url = await redisUrl()
    const stream = freshPrefix()
    const client = new Redis(url)
    const observer = redisStreamObserver({ client, stream, maxQueue: 500, minLevel: 'debug' })
    observer.start()
    for (const event of sampleEvents()) observer.onEvent(event)
    for (const text of HOSTILE_TEXTS.filter(({ length }) => length < 10_000)) {
      for (const event of sampleEventsWith(text)) observer.onEvent(event)
      await observer.flush()
    }
    // More at once than fit, somebody else's entries, and an entry that is gone.
    for (const seq of upTo(600)) observer.onEvent(logEvent(seq))
    await observer.flush()
    observer.onEvent({ ...logEvent(601), extra: { big: 1n } } as never)
    await observer.flush()
    await client.xadd(stream, '*', 'other', 'thing')
    await client.xadd(stream, '*', 'plainsight', '{"v":2}')
    for (const seq of upTo(100, 602)) observer.onEvent(logEvent(seq))
    observer.onEvent(logEvent(702, { executorId: 'end' }))
    await observer.close()
    const newest = await client.xrevrange(stream, '+', '-', 'COUNT', 2)
    await client.xdel(stream, newest[1]?.[0] ?? '')

    const ours: string[] = []
    for await (const item of readEvents({ client, stream, from: 'start' })) {
      if (item.type === 'event') ours.push(`event ${JSON.stringify(item.event)}`)
      // Python cannot tell the two without one more question to Redis.
      if (item.type === 'gap') {
        ours.push(`missing ${item.count} ${item.reason.replace('lost', 'trimmed')}`)
      }
      if (item.event?.executorId === 'end') break
    }
    const theirs = await linesOf(py, [url, stream], ours.length)
    expect(theirs.map(canonical)).toEqual(ours.map(canonical))
    expect(theirs.filter((line) => line.startsWith('missing'))).toEqual([
      'missing 100 dropped',
      'missing 1 not_serializable',
      'missing 50 trimmed',
    ])
    await client.del(stream)
    await client.quit()
  },
)

/** The first lines that the program prints; it is killed then. */
async function linesOf(py: RedisPy, args: readonly string[], count: number): Promise<string[]> {
  const child: ChildProcess = spawn(py.python, ['-c', program?.text ?? '', ...args], {
    env: { ...process.env, ...py.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
  })
  const lines: string[] = []
  try {
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      lines.push(line)
      if (lines.length === count) break
    }
  } finally {
    child.kill('SIGKILL')
  }
  return lines
}

/** Without the differences in how two languages write the same JSON. */
function canonical(line: string): string {
  if (!line.startsWith('event ')) return line
  return `event ${JSON.stringify(JSON.parse(line.slice(6)))}`
}
