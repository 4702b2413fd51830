/** The price of a log line that nobody wants, inside a running task, beside pino's disabled level. */

import { pino } from 'pino'
import { createExecutor, defineTask, taskLog, type TaskLogger } from '../src/index.ts'
import { nanosecondsPerCall } from './per-call.ts'
import { ratioTarget } from './report.ts'
import { expectEqual, find, type Case } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const CALLS = 5_000_000
const OURS = 'taskLog.debug(message, { userId })'
const THEIRS = 'pino, debug({ userId }, message)'

export const log: Subject = {
  title: 'Log: a line below every level',
  isolated: true,
  rounds: 31,
  warmUps: 5,
  check: { rounds: 9, warmUps: 3, cases: [OURS, THEIRS] },
  cases() {
    const logger = pino({ level: 'info' })
    const pinoVersion = versionOf('pino')
    const version = ownVersion()
    return [
      inTask('a call of an empty function', undefined, () => () => {}),
      inTask(THEIRS, pinoVersion, () => (userId) => logger.debug({ userId }, 'Sending')),
      inTask(OURS, version, () => (userId) => taskLog.debug('Sending', { userId })),
      inTask('context.log.debug(message, { userId })', version, (contextLog) => (userId) => {
        contextLog.debug('Sending', { userId })
      }),
      inTask('pino, debug(message)', pinoVersion, () => () => logger.debug('Sending')),
      inTask('taskLog.debug(message)', version, () => () => taskLog.debug('Sending')),
    ]
  },
  report(series) {
    const theirs = find(series, THEIRS)
    return {
      title: this.title,
      unit: 'ns/call',
      series,
      reference: theirs,
      targets: [ratioTarget('log: unwanted', find(series, OURS), theirs)],
      notes: [
        `${CALLS.toLocaleString('en')} calls per round inside one running task, through functions that V8 does not inline into the ` +
          'loop, as a call site elsewhere in a program. The store takes lines from `info`, the observer too; pino has level ' +
          '`info`. The call of an empty function is the floor that all of them stand on.',
      ],
    }
  },
}

/** Measures a call inside a running task, in an executor whose store and observer want lines from `info` up. */
function inTask(
  name: string,
  version: string | undefined,
  callIn: (contextLog: TaskLogger) => (index: number) => void,
): Case {
  let received = 0
  const measure = defineTask({
    name: 'measure',
    run: async (_input, context) => nanosecondsPerCall(callIn(context.log), CALLS),
  })
  const executor = createExecutor({
    tasks: [measure],
    logs: { store: 'info' },
    observers: [{ minLevel: 'info', onLog: () => (received += 1) }],
  })
  return {
    name,
    version,
    async run() {
      const handle = await executor.enqueue(measure)
      const nanoseconds = await handle.result()
      expectEqual(`${name}: lines that arrived`, received, 0)
      return nanoseconds
    },
  }
}
