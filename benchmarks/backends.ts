/** Tasks per second through stores that outlive the process, beside the queues that people would pick instead. */

import { tmpdir } from 'node:os'
import { inMemory, inRedis, inSqlite } from './queues/plainsight.ts'
import { CONCURRENCY, type OpenQueue } from './queues/queue.ts'
import { betterQueue, bullmq, graphileWorker, pgBoss, plainjob } from './queues/rivals.ts'
import { ratioTarget, type Target } from './report.ts'
import type { Case, Series } from './rounds.ts'
import { leftOut, startServices, urlOf, type Services } from './servers/services.ts'
import type { Subject } from './subject.ts'
import type { GoalId } from './targets.ts'
import { throughputOf, type Load } from './throughput.ts'
import { ownVersion, versionOf } from './versions.ts'

const TASKS = 20_000
/** With an fsync or a round trip to the disk for each task it takes its time. */
const SLOW_TASKS = 2_000
const BULK = 1_000
const LOCAL_QUEUE = 500

const MEMORY = 'plainsight in memory'
const PROCESS = 'plainsight SQLite ‘process’'
const PROCESS_REQUEUE = 'plainsight SQLite ‘process’, requeueOnInterrupt'
const POWER = 'plainsight SQLite ‘power’'
const REDIS = 'plainsight Redis without persistence'
const PLAINJOB = 'plainjob, synchronous = NORMAL'
const BULLMQ = 'BullMQ, removeOnComplete, Redis without persistence'
const BULLMQ_ALWAYS = 'BullMQ, removeOnComplete, Redis appendfsync always'

let services: Services | undefined

export const backends: Subject = {
  title: 'Backends: enqueue and run, beside other queues',
  isolated: true,
  rounds: 5,
  warmUps: 1,
  async prepare() {
    services = await startServices(['redis', 'redisAlways', 'postgres'])
  },
  async close() {
    await services?.stop()
  },
  cases: () => [...ownCases(), ...embeddedCases(), ...redisCases(), ...postgresCases()],
  report(series) {
    const found = (name: string): Series | undefined => series.find((each) => each.name === name)
    const target = (id: GoalId, ours: string, rival: string): readonly Target[] => {
      const [one, other] = [found(ours), found(rival)]
      return one === undefined || other === undefined ? [] : [ratioTarget(id, one, other)]
    }
    return {
      title: this.title,
      unit: 'tasks/s',
      series,
      reference: found(BULLMQ) ?? found(PLAINJOB) ?? (series[0] as Series),
      targets: [
        ...target('backends: bullmq', PROCESS, BULLMQ),
        ...target('backends: bullmq, requeue', PROCESS_REQUEUE, BULLMQ),
        ...target('backends: power, bullmq', POWER, BULLMQ),
        ...target('backends: power, bullmq always', POWER, BULLMQ_ALWAYS),
        ...target('backends: redis', REDIS, BULLMQ),
      ],
      notes: [...leftOut(services), `${howItRuns()} ${whatSurvives()}`, howRivalsAreUsed()],
    }
  },
}

function howItRuns(): string {
  return (
    `${TASKS.toLocaleString('en')} tasks per round, ${SLOW_TASKS.toLocaleString('en')} where one takes more than 0.1 ms; enqueued one by one ` +
    `with ${CONCURRENCY} in flight, or in calls of ${BULK.toLocaleString('en')} where it says “bulk”. The clock runs from the first enqueue to the end ` +
    'of the last body, and to its record where the queue tells; all bodies ran, with their input. Ours run tasks from the ' +
    'beginning; the rivals start when all is enqueued, which is faster for each of them. Each round has a new file, ' +
    `queue or schema; files are in ${tmpdir()}.`
  )
}

function whatSurvives(): string {
  return (
    'What was accepted survives: nothing, in memory and in a Redis without persistence; `kill -9`, with ‘process’ and ' +
    'synchronous = NORMAL; a power cut, with ‘power’, synchronous = FULL, appendfsync always, and PostgreSQL with fsync and ' +
    'synchronous_commit as initdb sets them.'
  )
}

function howRivalsAreUsed(): string {
  const servers = services?.versions ?? []
  const where = servers.length === 0 ? '' : `${servers.join(' and ')} on loopback. `
  return (
    `${where}A server runs on a processor of its own, if one is free: on a busy machine these lose more than the others. BullMQ: one worker with concurrency ${CONCURRENCY}; a job that is done is removed ` +
    `(ours stay), or kept where it says so; one whose worker dies runs again, as ours with requeueOnInterrupt. pg-boss: batches of ${CONCURRENCY} without pauses while they are full. graphile-worker: localQueue ` +
    `${LOCAL_QUEUE} and completions in batches, as its documentation has it for throughput. plainjob: one worker, it has no concurrency; ` +
    `better-sqlite3 ${versionOf('better-sqlite3')}. better-queue: its memory store; the SQLite one compiles sqlite3 5 in an install script, ` +
    'which the installation of the rivals does not run.'
  )
}

function own(name: string, open: OpenQueue): Case {
  return throughput(name, ownVersion(), open, { tasks: TASKS })
}

function ownCases(): readonly Case[] {
  return [
    own(MEMORY, inMemory()),
    own(PROCESS, inSqlite('process')),
    own(PROCESS_REQUEUE, inSqlite('process', { requeueOnInterrupt: true })),
    own(POWER, inSqlite('power')),
    own(
      'plainsight SQLite ‘power’, requeueOnInterrupt',
      inSqlite('power', { requeueOnInterrupt: true }),
    ),
  ]
}

function embeddedCases(): readonly Case[] {
  const job = versionOf('plainjob')
  return [
    rival(PLAINJOB, job, plainjob('NORMAL'), { tasks: TASKS }),
    rival('plainjob, synchronous = FULL', job, plainjob('FULL'), { tasks: SLOW_TASKS }),
    rival('better-queue in memory', versionOf('better-queue'), betterQueue(), { tasks: TASKS }),
  ]
}

function redisCases(): readonly Case[] {
  const redis = urlOf('redis')
  const always = urlOf('redisAlways')
  if (redis === undefined || always === undefined) return []
  const version = versionOf('bullmq')
  const removing = { removeOnComplete: true } as const
  return [
    own(REDIS, inRedis(redis)),
    own(
      'plainsight Redis without persistence, requeueOnInterrupt',
      inRedis(redis, { requeueOnInterrupt: true }),
    ),
    own('plainsight Redis appendfsync always', inRedis(always)),
    rival(BULLMQ, version, bullmq(redis, removing), { tasks: TASKS }),
    rival('BullMQ, all kept, Redis without persistence', version, bullmq(redis), { tasks: TASKS }),
    rival(BULLMQ_ALWAYS, version, bullmq(always, removing), { tasks: TASKS }),
  ]
}

function postgresCases(): readonly Case[] {
  const postgres = urlOf('postgres')
  if (postgres === undefined) return []
  const boss = pgBoss(postgres, { notify: false, workers: 4 })
  const graphile = graphileWorker(postgres, { localQueue: LOCAL_QUEUE })
  const bulk = { tasks: TASKS, bulk: BULK }
  const bossVersion = versionOf('pg-boss')
  const graphileVersion = versionOf('graphile-worker')
  return [
    rival('pg-boss', bossVersion, boss, { tasks: SLOW_TASKS }),
    rival('pg-boss, bulk', bossVersion, boss, bulk),
    rival('graphile-worker', graphileVersion, graphile, { tasks: SLOW_TASKS }),
    rival('graphile-worker, bulk', graphileVersion, graphile, bulk),
  ]
}

function rival(name: string, version: string, open: OpenQueue, load: Load): Case {
  return throughput(name, version, open, { ...load, startsLast: true })
}

function throughput(name: string, version: string, open: OpenQueue, load: Load): Case {
  return { name, version, run: () => throughputOf(name, open, load) }
}
