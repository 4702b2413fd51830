/** Tasks per second in memory, beside queues that only call functions. */

import fastq from 'fastq'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import { createExecutor, defineTask, taskLog, type Observer } from '../src/index.ts'
import type { Report } from './report.ts'
import { expectEqual, find, interleave, rateOf, ratiosTo, type Case } from './rounds.ts'
import { ownVersion, versionOf } from './versions.ts'

interface Mail {
  readonly userId: number
  readonly to: string
}

const TASKS = 30_000
const CONCURRENCY = 100
/** Lifecycle events of a task that succeeds: enqueued, started, succeeded. */
const EVENTS = 3
const LINES = 5

export async function core(): Promise<Report> {
  const cases = [
    plainsight('plainsight, one observer', { events: EVENTS }),
    plainsight('plainsight, no observer', { events: 0 }),
    plainsight('plainsight, one observer, five log lines', { events: EVENTS + LINES }),
    pQueue(),
    limit(),
    fastqPromise(),
  ]
  const series = await interleave(cases, { rounds: 15, warmUps: 3 })
  const ours = find(series, 'plainsight, one observer')
  const target = { bound: 'at least', unit: '×' } as const
  return {
    title: 'Core: tasks in memory',
    unit: 'tasks/s',
    series,
    reference: find(series, 'p-queue'),
    targets: [
      { ...target, what: 'core, tasks/s beside p-queue', limit: 1.5, values: ratiosTo(ours, find(series, 'p-queue')) },
      { ...target, what: 'core, tasks/s beside p-limit', limit: 0.5, values: ratiosTo(ours, find(series, 'p-limit')) },
    ],
    notes: [
      `${TASKS.toLocaleString('en')} tasks per round, 100 enqueued per turn of the event loop, concurrency ${CONCURRENCY}, the same ` +
        'asynchronous body without work. Ours include a record with a uuid, the input through JSON and back, async ' +
        'context, and three events to an observer that counts them; the rivals call a function.',
    ],
  }
}

function plainsight(name: string, { events }: { readonly events: number }): Case {
  let sum = 0
  let received = 0
  const lines = events > EVENTS ? LINES : 0
  const send = defineTask({
    name: 'send',
    run: async ({ userId }: Mail) => {
      for (let line = 0; line < lines; line++) taskLog('Sending', { userId })
      sum += userId
    },
  })
  const observer: Observer = {
    minLevel: 'debug',
    onEvent() {
      received += 1
    },
  }
  const observers = events > 0 ? [observer] : []
  return {
    name,
    version: ownVersion(),
    async run() {
      const executor = createExecutor({ tasks: [send], observers, concurrency: CONCURRENCY })
      await executor.start()
      sum = 0
      received = 0
      const rate = await rateOf(
        TASKS,
        (index) => void executor.enqueue(send, mailTo(index)),
        () => executor.drain(),
      )
      expectEqual(`${name}: sum of inputs`, sum, SUM)
      expectEqual(`${name}: events`, received, TASKS * events)
      await executor.close()
      return rate
    },
  }
}

function pQueue(): Case {
  return {
    name: 'p-queue',
    version: versionOf('p-queue'),
    async run() {
      let sum = 0
      const queue = new PQueue({ concurrency: CONCURRENCY })
      const send = async ({ userId }: Mail): Promise<void> => {
        sum += userId
      }
      const rate = await rateOf(
        TASKS,
        (index) => {
          const mail = mailTo(index)
          void queue.add(() => send(mail))
        },
        () => queue.onIdle(),
      )
      expectEqual('p-queue: sum of inputs', sum, SUM)
      return rate
    },
  }
}

function limit(): Case {
  return {
    name: 'p-limit',
    version: versionOf('p-limit'),
    async run() {
      let sum = 0
      const limited = pLimit(CONCURRENCY)
      const send = async ({ userId }: Mail): Promise<void> => {
        sum += userId
      }
      let last: Promise<void> | undefined
      const rate = await rateOf(
        TASKS,
        (index) => {
          last = limited(send, mailTo(index))
        },
        // Of equal bodies, the last to be enqueued is the last to end.
        () => last,
      )
      expectEqual('p-limit: sum of inputs', sum, SUM)
      return rate
    },
  }
}

function fastqPromise(): Case {
  return {
    name: 'fastq.promise',
    version: versionOf('fastq'),
    async run() {
      let sum = 0
      const queue = fastq.promise(async ({ userId }: Mail): Promise<void> => {
        sum += userId
      }, CONCURRENCY)
      const rate = await rateOf(
        TASKS,
        (index) => void queue.push(mailTo(index)),
        () => queue.drained(),
      )
      expectEqual('fastq: sum of inputs', sum, SUM)
      return rate
    },
  }
}

function mailTo(userId: number): Mail {
  return { userId, to: 'ada@example.com' }
}

const SUM = (TASKS * (TASKS - 1)) / 2
