/**
 * What an event costs on its way into a Redis stream: through `redisStreamObserver`, and with one XADD per event in a
 * pipeline per turn of the event loop. Both turn events into JSON, bound the stream and wait for Redis. Run by itself it
 * prints both, measured round by round: `node benchmarks/redis-stream.ts redis://127.0.0.1:6379`.
 */

import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import {
  createExecutor,
  defineTask,
  memoryObserver,
  taskLog,
  type PlainsightEvent,
} from '../src/index.ts'
import { redisStreamObserver } from '../src/redis.ts'

const PER_TURN = 400
const IN_FLIGHT = 8_000

/** Microseconds for each event. */
export interface EventCost {
  readonly wall: number
  /** Of this process, all threads. */
  readonly cpu: number
}

/** The eight events of one real task that succeeds, and logs five lines. */
async function taskEvents(): Promise<readonly PlainsightEvent[]> {
  const task = defineTask({
    name: 'send-welcome',
    run({ to }: { readonly to: string }) {
      for (let line = 0; line < 5; line++) taskLog('Connecting to the mail server', { to, line })
    },
  })
  const memory = memoryObserver()
  const executor = createExecutor({ tasks: [task], observers: [memory] })
  await (
    await executor.enqueue(task, { to: 'ada@example.org' }, { tags: { plan: 'pro' } })
  ).result()
  await executor.close()
  const events = memory.events.filter((event) => 'taskId' in event)
  if (events.length !== 8) throw new Error(`${events.length} events instead of 8`)
  return events
}

export async function throughObserver(url: string, count: number): Promise<EventCost> {
  const stream = `benchmark-${process.pid}-observer`
  const observer = redisStreamObserver({
    client: url,
    stream,
    minLevel: 'debug',
    maxQueue: IN_FLIGHT + PER_TURN,
  })
  observer.start()
  const cost = await measured(count, {
    add: (event) => observer.onEvent(event),
    waiting: () => observer.counts().queued,
    flush: () => observer.flush(),
  })
  const { delivered } = observer.counts()
  await observer.close()
  if (delivered !== count + WARM_UP) throw new Error(`${delivered} of ${count} events arrived`)
  await remove(url, stream)
  return cost
}

export async function throughPipeline(url: string, count: number): Promise<EventCost> {
  const stream = `benchmark-${process.pid}-pipeline`
  const client = new Redis(url)
  let waiting: PlainsightEvent[] = []
  let sent = 0
  let stored = 0
  const flights = new Set<Promise<void>>()
  const send = (): void => {
    const batch = waiting
    waiting = []
    const pipeline = client.pipeline()
    for (const event of batch) {
      pipeline.xadd(stream, 'MAXLEN', '~', 10_000, '*', 'event', JSON.stringify(event))
    }
    const flight = pipeline.exec().then((answers) => {
      stored += answers?.length ?? 0
      flights.delete(flight)
    })
    flights.add(flight)
  }
  const cost = await measured(count, {
    add(event) {
      if (waiting.length === 0) setImmediate(send)
      waiting.push(event)
      sent += 1
    },
    waiting: () => sent - stored,
    async flush() {
      while (stored < sent) {
        await turn()
        await Promise.all(flights)
      }
    },
  })
  await client.quit()
  await remove(url, stream)
  return cost
}

interface Way {
  add(event: PlainsightEvent): void
  waiting(): number
  flush(): Promise<void>
}

const WARM_UP = 8_000

async function measured(count: number, way: Way): Promise<EventCost> {
  const events = await taskEvents()
  const emit = async (wanted: number): Promise<void> => {
    for (let done = 0; done < wanted; done += PER_TURN) {
      for (let index = 0; index < PER_TURN; index++) {
        way.add(events[index % events.length] as PlainsightEvent)
      }
      await turn()
      // Not by turns: they would be counted.
      while (way.waiting() > IN_FLIGHT - PER_TURN) await sleep(1)
    }
    await way.flush()
  }
  await emit(WARM_UP)
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await emit(count)
  const wall = ((performance.now() - before) * 1_000) / count
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wall, cpu: (user + system) / count }
}

async function remove(url: string, stream: string): Promise<void> {
  const client = new Redis(url)
  await client.del(stream)
  await client.quit()
}

if (import.meta.main) {
  const url = process.argv[2] ?? 'redis://127.0.0.1:6379'
  const rounds = 9
  const costs: { observer: EventCost; pipeline: EventCost }[] = []
  for (let round = 0; round < rounds; round++) {
    costs.push({
      observer: await throughObserver(url, 80_000),
      pipeline: await throughPipeline(url, 80_000),
    })
  }
  const median = (pick: (cost: (typeof costs)[number]) => number): number =>
    costs.map(pick).toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN
  const text = (micros: number): string => `${micros.toFixed(2)} µs`
  for (const kind of ['cpu', 'wall'] as const) {
    const ours = median(({ observer }) => observer[kind])
    const theirs = median(({ pipeline }) => pipeline[kind])
    const ratio = median((cost) => cost.pipeline[kind] / cost.observer[kind])
    console.log(
      `${kind} per event: redisStreamObserver ${text(ours)}, one XADD each ${text(theirs)}, ratio ${ratio.toFixed(2)}`,
    )
  }
}
