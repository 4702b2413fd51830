/** Tasks per second in memory, beside queues that only call functions. */

import fastq from 'fastq'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import { createExecutor, defineTask, taskLog, type Observer } from '../src/index.ts'
import { mailTo, sumOfMails, type Mail } from './mail.ts'
import { ratioTarget } from './report.ts'
import { expectEqual, find, medianOf, rateOf, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const TASKS = 30_000
/** What is over in some milliseconds is measured a few times per round. */
const REPEATS = 5
const CONCURRENCY = 100
/** Of a task that succeeds, as far as the observer asks for them: enqueued, started, succeeded. */
const LIFECYCLE_EVENTS = 3
const OURS = 'plainsight, one observer'

export const core: Subject = {
  title: 'Core: tasks in memory',
  isolated: true,
  rounds: 21,
  warmUps: 5,
  check: { rounds: 7, warmUps: 4, cases: [OURS, 'p-queue', 'p-limit'] },
  cases: () => [
    plainsight(OURS, { observed: true, lines: 0 }),
    plainsight('plainsight, no observer', { observed: false, lines: 0 }),
    plainsight('plainsight, one observer, five log lines', { observed: true, lines: 5 }),
    pQueue(),
    limited(),
    fastqPromise(),
  ],
  report(series) {
    const ours = find(series, OURS)
    return {
      title: this.title,
      unit: 'tasks/s',
      series,
      reference: find(series, 'p-queue'),
      targets: [
        ratioTarget('core: p-queue', ours, find(series, 'p-queue')),
        ratioTarget('core: p-limit', ours, find(series, 'p-limit')),
      ],
      notes: [
        `${TASKS.toLocaleString('en')} tasks, ${REPEATS} times per round of which the median counts, 100 enqueued per turn of the event loop, concurrency ${CONCURRENCY}, the same ` +
          'asynchronous body without work. Ours include a record with a uuid, the input through JSON and back, async ' +
          'context, and three events to an observer that counts them; the rivals call a function.',
      ],
    }
  },
}

function plainsight(
  name: string,
  { observed, lines }: { readonly observed: boolean; readonly lines: number },
): Case {
  let sum = 0
  let received = 0
  const send = defineTask({
    name: 'send',
    run: async ({ userId }: Mail) => {
      for (let line = 0; line < lines; line++) taskLog('Sending', { userId })
      sum += userId
    },
  })
  const observer: Observer = {
    minLevel: 'info',
    types: ['task.enqueued'],
    onEvent() {
      received += 1
    },
  }
  // One for all rounds, as a program has it; so have the rivals.
  const executor = createExecutor({
    tasks: [send],
    observers: observed ? [observer] : [],
    concurrency: CONCURRENCY,
  })
  return {
    name,
    version: ownVersion(),
    run: () => medianOf(REPEATS, once),
  }

  async function once(): Promise<number> {
    await executor.start()
    sum = 0
    received = 0
    const rate = await rateOf(
      TASKS,
      (index) => void executor.enqueue(send, mailTo(index)),
      () => executor.drain(),
    )
    expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
    const events = observed ? TASKS * (LIFECYCLE_EVENTS + lines) : 0
    expectEqual(`${name}: events`, received, events)
    return rate
  }
}

function pQueue(): Case {
  const queue = new PQueue({ concurrency: CONCURRENCY })
  return rival('p-queue', (send) => ({
    enqueue: (mail) => void queue.add(() => send(mail)),
    idle: () => queue.onIdle(),
  }))
}

function limited(): Case {
  const limit = pLimit(CONCURRENCY)
  return rival('p-limit', (send) => {
    let last: Promise<void> | undefined
    return {
      enqueue(mail) {
        last = limit(send, mail)
      },
      // Of equal bodies, the last to be enqueued is the last to end.
      idle: () => last,
    }
  })
}

function fastqPromise(): Case {
  return rival('fastq', (send) => {
    const queue = fastq.promise(send, CONCURRENCY)
    return { enqueue: (mail) => void queue.push(mail), idle: () => queue.drained() }
  })
}

interface Queue {
  enqueue(mail: Mail): void
  idle(): unknown
}

function rival(name: string, queueOf: (send: (mail: Mail) => Promise<void>) => Queue): Case {
  let sum = 0
  const queue = queueOf(async ({ userId }) => {
    sum += userId
  })
  return {
    name: name === 'fastq' ? 'fastq.promise' : name,
    version: versionOf(name),
    run: () => medianOf(REPEATS, once),
  }

  async function once(): Promise<number> {
    sum = 0
    const rate = await rateOf(
      TASKS,
      (index) => queue.enqueue(mailTo(index)),
      () => queue.idle(),
    )
    expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
    return rate
  }
}
