/** The task queues for Python that ours learned from, on the same work. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { sumOfMails } from './mail.ts'
import { preparePython, PYTHON, pythonVersionOf } from './peers-python/environment.ts'
import { answerOf } from './peers-python/answer.ts'
import { inMemory, inSqlite } from './queues/plainsight.ts'
import type { OpenQueue } from './queues/queue.ts'
import { expectEqual, type Case, type Series } from './rounds.ts'
import { MissingProgramError } from '../scripts/services/program.ts'
import { leftOut, startServices, urlOf, type Services } from './servers/services.ts'
import type { Subject } from './subject.ts'
import { throughputOf } from './throughput.ts'
import { ownVersion } from './versions.ts'

const TASKS = 5_000
const LINES = 5
const TASKFLOW = 'fastapi-taskflow, SQLite, BackgroundTasks'
/** Celery's fastest of those tried; more threads, a longer prefetch and the solo pool were no faster. */
const THREADS = 20

/** Told to the processes of the cases. */
const HAS_PYTHON = 'PLAINSIGHT_BENCH_PYTHON'

let services: Services | undefined
let missing: readonly string[] = []

export const python: Subject = {
  title: 'The seeds: Python task queues on the same work',
  isolated: true,
  rounds: 3,
  warmUps: 1,
  async prepare() {
    services = await startServices(['redis'])
    missing = [...services.missing]
    try {
      preparePython()
      process.env[HAS_PYTHON] = 'yes'
    } catch (error) {
      if (!(error instanceof MissingProgramError)) throw error
      missing = [...missing, `what takes Python: ${error.message}`]
    }
  },
  async close() {
    delete process.env[HAS_PYTHON]
    await services?.stop()
  },
  cases: () => [
    own('plainsight in memory', inMemory({ lines: LINES })),
    own('plainsight SQLite ‘process’', inSqlite('process', { lines: LINES })),
    own('plainsight SQLite ‘power’', inSqlite('power', { lines: LINES })),
    ...(process.env[HAS_PYTHON] === undefined ? [] : [...taskflowCases(), ...celeryCases()]),
  ],
  report(series) {
    return {
      title: this.title,
      unit: 'tasks/s',
      series,
      reference: series.find(({ name }) => name === TASKFLOW) ?? (series[0] as Series),
      targets: [],
      notes: [
        ...leftOut({ missing }),
        `${TASKS.toLocaleString('en')} tasks per round, ${LINES} log lines each; the clock runs inside the program, from the first enqueue until all are done. ` +
          'Ours keep the lines with the record, and accept a task durably before it runs. fastapi-taskflow keeps them with the ' +
          'record too; a task is in its file when it has ended, committed alone. It runs the tasks of a request one after ' +
          'another, as Starlette does, or 100 at once in a named queue; there with one thread that writes, because of the four that ' +
          'it has by default some met a locked database, and wrote a minute later. Its SQLite syncs each commit to the disk, as ours does ' +
          'with ‘power’.',
        `Celery enqueues from one process and runs tasks in another, through ${services?.versions[0] ?? 'Redis'} on loopback without persistence; the lines go to the ` +
          'log file of its worker. Beside its defaults (a process for each processor, results kept) stands the fastest of ' +
          `what was tried: ${THREADS} threads, results ignored. Each round of a Python program is a new process; its start is not counted.`,
      ],
    }
  },
}

function own(name: string, open: OpenQueue): Case {
  return { name, version: ownVersion(), run: () => throughputOf(name, open, { tasks: TASKS }) }
}

function taskflowCases(): readonly Case[] {
  const taskflow = (name: string, way: string): Case =>
    pythonCase(name, 'fastapi-taskflow', ['taskflow.py', way, String(TASKS)])
  return [
    taskflow(TASKFLOW, 'sequential'),
    taskflow('fastapi-taskflow, SQLite, named queue', 'queue'),
    taskflow('fastapi-taskflow in memory, named queue', 'memory'),
  ]
}

function celeryCases(): readonly Case[] {
  const url = urlOf('redis')
  if (url === undefined) return []
  const celery = (name: string, ...worker: readonly string[]): Case =>
    pythonCase(name, 'celery', ['celery_run.py', url, ...worker, String(TASKS)])
  return [
    celery('Celery, Redis, its defaults', 'prefork', '0', 'kept'),
    celery(`Celery, Redis, ${THREADS} threads, no results`, 'threads', String(THREADS), 'ignored'),
  ]
}

function pythonCase(name: string, peer: string, args: readonly string[]): Case {
  return {
    name,
    version: pythonVersionOf(peer),
    async run() {
      const { tasks, seconds, sum, lines } = answerOf(await outputOf(args))
      expectEqual(`${name}: bodies`, tasks, TASKS)
      expectEqual(`${name}: sum of inputs`, sum, sumOfMails(TASKS))
      expectEqual(`${name}: log lines`, lines, LINES * TASKS)
      return tasks / seconds
    },
  }
}

/** What the program prints; what it complains of goes where our own does. */
function outputOf([file = '', ...args]: readonly string[]): Promise<string> {
  const child = spawn(PYTHON, [join(import.meta.dirname, 'peers-python', file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = (): void => void child.kill()
  process.on('exit', end)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.off('exit', end)
      if (code === 0) resolve(output)
      else reject(new Error(`${file} ended with ${signal ?? code}`))
    })
  })
}
