/** From `enqueue` to the first line of the body, at a constant rate that leaves the machine mostly idle. */

import { setTimeout as sleep } from 'node:timers/promises'
import { mailTo } from './mail.ts'
import { inMemory, inRedis, inSqlite } from './queues/plainsight.ts'
import type { OpenQueue } from './queues/queue.ts'
import { bullmq, graphileWorker, pgBoss, plainjob } from './queues/rivals.ts'
import { ratioTarget, type Target } from './report.ts'
import { expectEqual, type Case, type Series } from './rounds.ts'
import { leftOut, startServices, urlOf, type Services } from './servers/services.ts'
import type { Subject } from './subject.ts'
import type { GoalId } from './targets.ts'
import { ownVersion, versionOf } from './versions.ts'

const TASKS_PER_S = 500
const SECONDS = 2.5
/** Not counted, at the beginning of each round: connections open, code is compiled. */
const SETTLING_S = 0.5
const POLL_MS = 5

const SQLITE = 'plainsight SQLite ‘process’'
const REDIS = 'plainsight Redis without persistence'
const BULLMQ = 'BullMQ, Redis without persistence'

let services: Services | undefined

export const latency: Subject = {
  title: `Latency: from enqueue to start at ${TASKS_PER_S} tasks/s`,
  isolated: true,
  rounds: 7,
  warmUps: 1,
  async prepare() {
    services = await startServices(['redis', 'postgres'])
  },
  async close() {
    await services?.stop()
  },
  cases: () => [
    start('plainsight in memory', ownVersion(), inMemory()),
    start(SQLITE, ownVersion(), inSqlite('process')),
    start('plainsight SQLite ‘power’', ownVersion(), inSqlite('power')),
    start('plainjob, synchronous = NORMAL', versionOf('plainjob'), plainjob('NORMAL', POLL_MS)),
    ...serverCases(),
  ],
  report(series) {
    const found = (name: string): Series | undefined => series.find((each) => each.name === name)
    const target = (id: GoalId, name: string, part: string): readonly Target[] => {
      const [ours, rival] = [found(`${name}: ${part}`), found(`${BULLMQ}: ${part}`)]
      return ours === undefined || rival === undefined ? [] : [ratioTarget(id, ours, rival)]
    }
    return {
      title: this.title,
      unit: 'ms',
      series,
      reference: found(`${BULLMQ}: p50`) ?? (series[0] as Series),
      targets: [
        ...target('latency: p50', SQLITE, 'p50'),
        ...target('latency: p99', SQLITE, 'p99'),
        ...target('latency: redis, p50', REDIS, 'p50'),
        ...target('latency: redis, p99', REDIS, 'p99'),
      ],
      chart: { series: series.filter(({ name }) => !name.endsWith(': max')) },
      notes: [
        ...leftOut(services),
        `${SECONDS} s per round, the first ${SETTLING_S} s not counted. The clock runs from the call of enqueue to the first line of the body, in one ` +
          'process; with SQLite a body starts when its record says so on disk. BullMQ with one worker; pg-boss woken by LISTEN/NOTIFY, ' +
          'graphile-worker without localQueue: both as is best for latency. ' +
          `plainjob asks its file every ${POLL_MS} ms (by default each second). ` +
          'A median far above a millisecond says that a queue did not keep up with the rate.',
      ],
    }
  },
}

function serverCases(): readonly Case[] {
  const redis = urlOf('redis')
  const postgres = urlOf('postgres')
  return [
    ...(redis === undefined
      ? []
      : [
          start(REDIS, ownVersion(), inRedis(redis)),
          start(BULLMQ, versionOf('bullmq'), bullmq(redis)),
        ]),
    ...(postgres === undefined
      ? []
      : [
          start('pg-boss', versionOf('pg-boss'), pgBoss(postgres, { notify: true, workers: 1 })),
          start('graphile-worker', versionOf('graphile-worker'), graphileWorker(postgres)),
        ]),
  ]
}

function start(name: string, version: string, open: OpenQueue): Case {
  return { name, version, run: () => latencyOf(name, open) }
}

async function latencyOf(name: string, open: OpenQueue): Promise<Record<string, number>> {
  const tasks = SECONDS * TASKS_PER_S
  const calledAt = new Float64Array(tasks)
  const waitedMs: number[] = []
  let ran = 0
  const queue = await open(({ userId }) => {
    ran += 1
    if (userId >= SETTLING_S * TASKS_PER_S)
      waitedMs.push(performance.now() - (calledAt[userId] ?? Number.NaN))
  })
  await queue.start()
  const accepted: unknown[] = []
  const startedAt = performance.now()
  for (let issued = 0; issued < tasks; issued++) {
    const dueAt = startedAt + (issued / TASKS_PER_S) * 1_000
    // One that is late is called at once: the rate stays, as with clients that do not wait for each other.
    if (dueAt > performance.now()) await sleep(Math.max(0, dueAt - performance.now()))
    calledAt[issued] = performance.now()
    accepted.push(queue.enqueue(mailTo(issued)))
  }
  await Promise.all(accepted)
  await queue.finished(tasks)
  await queue.close()
  expectEqual(`${name}: bodies`, ran, tasks)
  return { p50: quantile(waitedMs, 0.5), p99: quantile(waitedMs, 0.99), max: quantile(waitedMs, 1) }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
