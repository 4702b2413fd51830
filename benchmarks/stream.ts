/** What an event costs on its way into a Redis stream, beside an XADD of its own. */

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Redis } from 'ioredis'
import {
  createExecutor,
  defineTask,
  taskLog,
  type Observer,
  type PlainsightEvent,
} from '../src/index.ts'
import { redisStreamObserver } from '../src/redis.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { target } from './report.ts'
import {
  expectEqual,
  find,
  rateOf,
  ratiosTo,
  type Case,
  type Measured,
  type Series,
} from './rounds.ts'
import { redisVersion } from './servers/redis.ts'
import { startServices, urlOf, type Services } from './servers/services.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const TASKS = 4_000
const LINES = 5
/** Of a task that succeeds: enqueued, started, its lines, succeeded. */
const EVENTS = TASKS * (LINES + 3)
const CONCURRENCY = 100
const NOTHING = 'plainsight, an observer that does nothing'
const OURS = 'plainsight, redisStreamObserver'
const BY_HAND = 'an XADD for each, pipelined'
const WALL = 'added'
const CPU = 'added, our processor'

let services: Services | undefined

export const stream: Subject = {
  title: 'Redis stream: an event on its way',
  isolated: true,
  rounds: 21,
  warmUps: 8,
  check: { rounds: 5, warmUps: 2 },
  async unavailable() {
    const found = await startServices(['redis'])
    await found.stop()
    return found.missing[0]
  },
  async prepare() {
    services = await startServices(['redis'])
  },
  async close() {
    await services?.stop()
  },
  cases: () => [
    streaming(NOTHING, ownVersion(), () => ({
      observer: { minLevel: 'debug', onEvent() {} },
      written: () => undefined,
      take: () => EVENTS,
    })),
    streaming(OURS, ownVersion(), batched),
    streaming(BY_HAND, versionOf('ioredis'), oneByOne),
  ],
  report(series) {
    const added = (name: string, time: string): Series => {
      const nothing = find(series, `${NOTHING}: ${time}`)
      const { version, values } = find(series, `${name}: ${time}`)
      const difference = values.map((value, round) => value - (nothing.values[round] ?? Number.NaN))
      return { name: `${name}: ${time}`, version, values: difference }
    }
    const all = [WALL, CPU].flatMap((time) => [added(OURS, time), added(BY_HAND, time)])
    const [ours, byHand, ourCpu, byHandCpu] = all as [Series, Series, Series, Series]
    return {
      title: this.title,
      unit: 'µs/event',
      series: all,
      reference: byHand,
      targets: [
        target('stream: xadd', ratiosTo(byHand, ours)),
        target('stream: xadd, cpu', ratiosTo(byHandCpu, ourCpu)),
      ],
      notes: [
        `${TASKS.toLocaleString('en')} tasks per round with ${LINES} log lines each, ${EVENTS.toLocaleString('en')} events; from the first enqueue until the last ` +
          `event is in the stream, which is empty before. Redis ${redisVersion()} on loopback without persistence, on a processor of its own. Both keep ` +
          'everything, and lose nothing: each event is counted, ours are read back by a thread. By hand: `JSON.stringify`, one entry per ' +
          'event, all of a turn of the event loop in one pipeline. “Added” is the difference to an observer that does nothing, ' +
          'in the same round. The time of our processor is that of the process that runs the tasks; the server has its own.',
      ],
    }
  },
}

interface Sink {
  readonly observer: Observer
  /** Settles when Redis has all that the observer was given. */
  written(): unknown
  /** How many events are in the stream, which is empty then. */
  take(): number | Promise<number>
}

function streaming(name: string, version: string, sinkAt: (url: string) => Sink): Case {
  let runOnce: (() => Promise<Measured>) | undefined

  /** Made at the first run: the process that reports connects to nothing. */
  function prepare(): () => Promise<Measured> {
    const sink = sinkAt(urlOf('redis') ?? '')
    let sum = 0
    const send = defineTask({
      name: 'send',
      run: async ({ userId }: Mail) => {
        for (let line = 0; line < LINES; line++) taskLog('Sending', { userId })
        sum += userId
      },
    })
    const executor = createExecutor({
      tasks: [send],
      observers: [sink.observer],
      concurrency: CONCURRENCY,
      logs: { store: 'none' },
    })
    return async () => {
      await executor.start()
      sum = 0
      const before = process.cpuUsage()
      const rate = await rateOf(
        TASKS,
        (index) => void executor.enqueue(send, mailTo(index)),
        async () => {
          await executor.drain()
          await sink.written()
        },
      )
      const { user, system } = process.cpuUsage(before)
      expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
      expectEqual(`${name}: events in the stream`, await sink.take(), EVENTS)
      return { [WALL]: 1e6 / (rate * (EVENTS / TASKS)), [CPU]: (user + system) / EVENTS }
    }
  }

  return { name, version, run: () => (runOnce ??= prepare())() }
}

function batched(url: string): Sink {
  const name = `batched-${process.pid}`
  const observer = redisStreamObserver({
    client: url,
    stream: name,
    minLevel: 'debug',
    maxLen: Infinity,
    maxQueue: EVENTS * 2,
  })
  const redis = new Redis(url)
  let reader: Worker | undefined
  return {
    observer,
    async written() {
      while (observer.counts().queued > 0) await observer.flush()
      expectEqual(`${OURS}: dropped`, observer.counts().dropped, 0)
    },
    async take() {
      reader ??= new Worker(new URL('stream-reader.ts', import.meta.url), {
        workerData: { url, stream: name },
      })
      reader.unref()
      const answered = once(reader, 'message')
      reader.postMessage(EVENTS)
      const [events] = await answered
      if (typeof events !== 'number') throw new Error(`${OURS}: ${events}`)
      await redis.del(name)
      return events
    },
  }
}

function oneByOne(url: string): Sink {
  const redis = new Redis(url)
  const name = `one-by-one-${process.pid}`
  let pipeline: ReturnType<Redis['pipeline']> | undefined
  let last: Promise<unknown> = Promise.resolve()
  const send = (): void => {
    last = (pipeline as ReturnType<Redis['pipeline']>).exec()
    pipeline = undefined
  }
  return {
    observer: {
      minLevel: 'debug',
      onEvent(event: PlainsightEvent) {
        if (!('taskId' in event)) return
        if (pipeline === undefined) {
          pipeline = redis.pipeline()
          setImmediate(send)
        }
        pipeline.xadd(name, '*', 'event', JSON.stringify(event))
      },
    },
    async written() {
      while (pipeline !== undefined) await sleep(1)
      await last
    },
    async take() {
      const events = await redis.xlen(name)
      await redis.del(name)
      return events
    },
  }
}
