/** The heap that a waiting task takes, and what tasks that ran leave behind. */

import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { join } from 'node:path'
import fastq from 'fastq'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import { createExecutor, defineTask, type Backend, type Executor } from '../src/index.ts'
import { sqliteBackend } from '../src/sqlite.ts'
import { heapSlope, type HeapSample } from '../test/chaos/heap-slope.ts'
import { inDirectory } from './directory.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { ratioTarget, target } from './report.ts'
import { expectEqual, find, rateOf, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const QUEUED = 50_000
const MILLION = 1_000_000
/** `BENCH_TASKS` for a quicker look. */
const TASKS_RUN = Number(process.env['BENCH_TASKS'] ?? 10_000_000)
const SAMPLES = 10
const CONCURRENCY = 100
const OURS = 'plainsight, waits in memory'
const ON_SQLITE = 'plainsight, a million wait in SQLite'
const LEFT = 'plainsight, left behind by a task that ran'
const RIVAL = 'p-queue'

export const memory: Subject = {
  title: 'Memory: heap of a task',
  isolated: true,
  rounds: 5,
  warmUps: 1,
  check: { rounds: 3, warmUps: 1, cases: [OURS, RIVAL] },
  cases: () => [
    waitsInMemory(),
    pQueue(),
    limited(),
    fastqPromise(),
    waitsInSqlite(),
    leftBehind(),
  ],
  report(series) {
    const ours = find(series, OURS)
    const rival = find(series, RIVAL)
    const optional = (name: string) => series.filter((each) => each.name === name)
    return {
      title: this.title,
      unit: 'B/task',
      series,
      reference: rival,
      chart: {
        series: series.filter(({ name }) => name !== ON_SQLITE && name !== LEFT),
        unit: 'bytes of heap for each waiting task',
      },
      targets: [
        ratioTarget('memory: p-queue', ours, rival),
        ...optional(ON_SQLITE).map(({ values }) => target('memory: million on SQLite', values)),
        ...optional(LEFT).map(({ values }) => target('memory: run', values)),
      ],
      notes: [
        `${QUEUED.toLocaleString('en')} tasks with an input of two fields wait behind one that blocks; heap, external memory and array ` +
          'buffers after two collections, minus the same before. Then all of them run, and are counted. The rivals keep ' +
          `the input in a closure, ours as JSON. What tasks leave behind is the slope over ${TASKS_RUN.toLocaleString('en')} that ran ` +
          'in memory, with the retention of records that an executor has by default.',
      ],
    }
  },
}

function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
}

async function heapBytes(): Promise<number> {
  // What ended a moment ago may still be on its way through the event loop.
  for (let turns = 0; turns < 3; turns++) await turn()
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

interface Queue {
  enqueue(mail: Mail): void
  /** Settles when all that is enqueued is accepted. */
  accepted(): unknown
  /** Lets them run; settles when all have run. */
  run(): Promise<unknown>
}

interface Gate {
  readonly opened: Promise<void>
  open(): void
}

function closedGate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** @param queueOf - a queue whose first task blocks until `run` */
function bytesPerWaiting(
  name: string,
  version: string,
  count: number,
  queueOf: (send: (mail: Mail) => Promise<void>) => Queue | Promise<Queue>,
): Case {
  return {
    name,
    version,
    async run() {
      let sum = 0
      const queue = await queueOf(async ({ userId }) => {
        sum += userId
      })
      const before = await heapBytes()
      await rateOf(
        count,
        (index) => queue.enqueue(mailTo(index)),
        () => queue.accepted(),
      )
      const bytes = ((await heapBytes()) - before) / count
      expectEqual(`${name}: ran while they had to wait`, sum, 0)
      await queue.run()
      expectEqual(`${name}: sum of inputs`, sum, sumOfMails(count))
      return bytes
    },
  }
}

function waitsInMemory(): Case {
  return bytesPerWaiting(OURS, ownVersion(), QUEUED, (send) => blockedExecutor(send, undefined))
}

async function blockedExecutor(
  body: (mail: Mail) => Promise<void>,
  backend: Backend | undefined,
): Promise<Queue & Gate & { readonly executor: Executor }> {
  const gate = closedGate()
  const block = defineTask({ name: 'block', run: () => gate.opened })
  const send = defineTask({ name: 'send', run: body })
  const executor = createExecutor({
    tasks: [block, send],
    observers: [],
    concurrency: 1,
    ...(backend === undefined ? {} : { backend }),
  })
  await executor.enqueue(block)
  let last: Promise<unknown> | undefined
  return {
    executor,
    enqueue(mail) {
      last = executor.enqueue(send, mail)
    },
    accepted: () => last,
    ...gate,
    async run() {
      gate.open()
      await executor.drain()
      await executor.close()
    },
  }
}

function pQueue(): Case {
  return bytesPerWaiting(RIVAL, versionOf('p-queue'), QUEUED, (send) => {
    const queue = new PQueue({ concurrency: 1 })
    const gate = closedGate()
    void queue.add(() => gate.opened)
    return {
      enqueue: (mail) => void queue.add(() => send(mail)),
      accepted: () => undefined,
      run() {
        gate.open()
        return queue.onIdle()
      },
    }
  })
}

function limited(): Case {
  return bytesPerWaiting('p-limit', versionOf('p-limit'), QUEUED, (send) => {
    const limit = pLimit(1)
    const gate = closedGate()
    let last: Promise<void> = limit(() => gate.opened)
    return {
      enqueue(mail) {
        last = limit(send, mail)
      },
      accepted: () => undefined,
      run() {
        gate.open()
        return last
      },
    }
  })
}

function fastqPromise(): Case {
  return bytesPerWaiting('fastq.promise', versionOf('fastq'), QUEUED, (send) => {
    const gate = closedGate()
    const queue = fastq.promise<unknown, Mail | undefined>(
      (mail) => (mail === undefined ? gate.opened : send(mail)),
      1,
    )
    void queue.push(undefined)
    return {
      enqueue: (mail) => void queue.push(mail),
      accepted: () => undefined,
      run() {
        gate.open()
        return queue.drained()
      },
    }
  })
}

function waitsInSqlite(): Case {
  return {
    name: ON_SQLITE,
    version: ownVersion(),
    isOnce: true,
    run: () =>
      inDirectory(async (directory) => {
        const queue = await blockedExecutor(
          async () => {},
          sqliteBackend(join(directory, 'tasks.db')),
        )
        const before = await heapBytes()
        await rateOf(MILLION, (index) => queue.enqueue(mailTo(index)), queue.accepted)
        const bytes = ((await heapBytes()) - before) / MILLION
        expectEqual(`${ON_SQLITE}: waiting`, (await queue.executor.counts()).pending, MILLION)
        queue.executor.pause()
        const closed = queue.executor.close()
        queue.open()
        await closed
        return bytes
      }),
  }
}

function leftBehind(): Case {
  return {
    name: LEFT,
    version: ownVersion(),
    isOnce: true,
    async run() {
      let sum = 0
      const send = defineTask({
        name: 'send',
        run: async ({ userId }: Mail) => {
          sum += userId
        },
      })
      const executor = createExecutor({ tasks: [send], observers: [], concurrency: CONCURRENCY })
      await executor.start()
      const samples: HeapSample[] = []
      const part = TASKS_RUN / SAMPLES
      for (let done = part; done <= TASKS_RUN; done += part) {
        sum = 0
        await rateOf(
          part,
          (index) => void executor.enqueue(send, mailTo(index)),
          () => executor.drain(),
        )
        expectEqual(`${LEFT}: sum of inputs`, sum, sumOfMails(part))
        samples.push({ done, bytes: await heapBytes() })
        console.error(`memory: ${done.toLocaleString('en')} tasks have run`)
      }
      await executor.close()
      return heapSlope(samples)
    },
  }
}
