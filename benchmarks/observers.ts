/** What a log line of a task costs through an observer, beside the line that a program writes with pino by hand. */

import { mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { consoleObserver } from '../src/console.ts'
import { fileObserver } from '../src/file.ts'
import {
  createExecutor,
  defineTask,
  taskLog,
  type Observer,
  type TaskContext,
} from '../src/index.ts'
import { pinoObserver } from '../src/pino.ts'
import { ratioTarget } from './report.ts'
import { expectEqual, find, spreadOf, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const LINES = 20_000
const LINES_PER_TURN = 100
const PARTS = 10
const NOTHING = 'plainsight, no observer'
const PINO = 'plainsight, pinoObserver'
const FILE = 'plainsight, fileObserver'
const RAW = 'pino by hand, the same fields'

export const observers: Subject = {
  title: 'Observers: a log line of a task, into a file',
  isolated: true,
  rounds: 21,
  warmUps: 4,
  check: { rounds: 9, warmUps: 3, cases: [PINO, FILE, RAW] },
  cases: () => [
    observed(NOTHING, () => undefined),
    observed(PINO, (path) => pinoObserver(pino(pino.destination({ dest: path, sync: true })))),
    observed(FILE, (path) => fileObserver(path)),
    observed('plainsight, consoleObserver', (path) =>
      consoleObserver({ stream: openSync(path, 'a'), format: 'json' }),
    ),
    byHand(),
  ],
  report(series) {
    const raw = find(series, RAW)
    return {
      title: this.title,
      unit: 'µs/line',
      series,
      reference: raw,
      chart: { series: series.filter(({ name }) => name !== NOTHING) },
      targets: [
        ratioTarget('observers: pino', find(series, PINO), raw),
        ratioTarget('observers: file', find(series, FILE), raw),
      ],
      notes: [
        `${LINES.toLocaleString('en')} lines per round in one running task, ${LINES_PER_TURN} per turn of the event loop, into a file in ${tmpdir()}. ` +
          'pino writes each line at once, as it does by default; the file and console observers write once per turn. By hand: ' +
          'a call of `logger.info` with an object of the same fields. Every line is counted in the file, and its fields ' +
          'are compared.',
      ],
    }
  },
}

type Log = (userId: number, context: TaskContext) => void

function observed(name: string, observe: (path: string) => Observer | undefined): Case {
  return intoFile(name, ownVersion(), (path) => {
    const observer = observe(path)
    const log: Log = (userId) => taskLog('Sending', { userId })
    return { observer, lines: observer === undefined ? 0 : LINES, log }
  })
}

function byHand(): Case {
  return intoFile(RAW, versionOf('pino'), (path) => {
    const logger = pino(pino.destination({ dest: path, sync: true }))
    let seq = 0
    return {
      observer: undefined,
      lines: LINES,
      log(userId, { taskId, taskName, attempt }) {
        seq += 1
        const fields = {
          type: 'task.log',
          seq,
          executorId: 'bench',
          taskId,
          taskName,
          attempt,
          retriesUsed: 0,
          status: 'running',
          queue: 'default',
          extra: { userId },
        }
        logger.info(fields, 'Sending')
      },
    }
  })
}

interface Way {
  readonly observer: Observer | undefined
  /** How many come into the file in a round. */
  readonly lines: number
  readonly log: Log
}

function intoFile(name: string, version: string, wayInto: (path: string) => Way): Case {
  let path: string | undefined
  let runOnce: (() => Promise<number>) | undefined
  let lines = 0

  /** Made at the first run: the process that reports makes no files. */
  function prepare(): () => Promise<number> {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-bench-'))
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
    path = join(directory, 'lines.log')
    const { observer, lines: expected, log } = wayInto(path)
    lines = expected
    const measure = defineTask({
      name: 'measure',
      run: (_input, context) => microsecondsPerLine((userId) => log(userId, context)),
    })
    const executor = createExecutor({
      tasks: [measure],
      observers: observer === undefined ? [] : [observer],
      logs: { store: 'none' },
      id: 'bench',
    })
    return async () => (await executor.enqueue(measure)).result()
  }

  return {
    name,
    version,
    async run() {
      runOnce ??= prepare()
      const microseconds = await runOnce()
      // What the task's own events wrote is not counted.
      if (lines > 0) checkLines(name, path as string, lines)
      return microseconds
    },
  }
}

/** The median of equal parts: one during which another process had the processor says nothing of the line. */
async function microsecondsPerLine(log: (userId: number) => void): Promise<number> {
  const parts: number[] = []
  for (let line = 0; line < LINES;) {
    const startedAt = performance.now()
    const endOfPart = line + LINES / PARTS
    while (line < endOfPart) {
      for (const end = line + LINES_PER_TURN; line < end; line++) log(line)
      await turn()
    }
    parts.push(((performance.now() - startedAt) * PARTS * 1_000) / LINES)
  }
  return spreadOf(parts).median
}

const FIELDS =
  'level time pid hostname type seq executorId taskId taskName attempt retriesUsed status queue extra msg'

/** Looks into the file, and empties it for the next round. */
function checkLines(name: string, path: string, expected: number): void {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"type":"task.log"'))
  expectEqual(`${name}: lines`, lines.length, expected)
  const fields = new Set(Object.keys(JSON.parse(lines.at(-1) ?? '{}') as object))
  const missing = FIELDS.split(' ').filter((field) => !fields.has(field))
  if (missing.length > 0) throw new Error(`${name}: a line without ${missing.join(', ')}`)
  truncateSync(path)
}
