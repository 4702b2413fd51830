/** The price of a log line that nobody wants, inside a running task, beside pino's disabled level. */

import { pino } from 'pino'
import { createExecutor, defineTask, taskLog, type TaskLogger } from '../src/index.ts'
import type { Report } from './report.ts'
import { expectEqual, find, interleave, ratiosTo, type Case, type Series } from './rounds.ts'
import { ownVersion, versionOf } from './versions.ts'

const CALLS = 5_000_000

export async function log(): Promise<Report> {
  let received = 0
  let series: readonly Series[] = []
  const measure = defineTask({
    name: 'measure',
    run: async (_input, { log: contextLog }) => {
      series = await interleave(casesOf(contextLog), { rounds: 21, warmUps: 3 })
    },
  })
  const executor = createExecutor({
    tasks: [measure],
    logs: { store: 'info' },
    observers: [{ minLevel: 'info', onLog: () => (received += 1) }],
  })
  const handle = await executor.enqueue(measure)
  await handle.result()
  await executor.close()
  expectEqual('log: lines that arrived', received, 0)
  const pinoCalls = find(series, 'pino, debug({ userId }, message)')
  return {
    title: 'Log: a line below every level',
    unit: 'ns/call',
    series,
    reference: pinoCalls,
    targets: [
      {
        what: 'taskLog.debug below every level beside pino',
        bound: 'at most',
        limit: 1,
        unit: '×',
        values: ratiosTo(find(series, 'taskLog.debug(message, { userId })'), pinoCalls),
      },
    ],
    notes: [
      `${CALLS.toLocaleString('en')} calls per round inside one running task, each through a function that V8 does not inline into the ` +
        'loop, as a call site elsewhere in a program. The store takes lines from `info`, the observer too; pino has level `info`. ' +
        'The call of an empty function is the floor that all of them stand on.',
    ],
  }
}

function casesOf(contextLog: TaskLogger): readonly Case[] {
  const logger = pino({ level: 'info' })
  const ours = ownVersion()
  const theirs = versionOf('pino')
  return [
    timed('a call of an empty function', undefined, () => {}),
    timed('pino, debug({ userId }, message)', theirs, (userId) => {
      logger.debug({ userId }, 'Sending')
    }),
    timed('taskLog.debug(message, { userId })', ours, (userId) => {
      taskLog.debug('Sending', { userId })
    }),
    timed('context.log.debug(message, { userId })', ours, (userId) => {
      contextLog.debug('Sending', { userId })
    }),
    timed('pino, debug(message)', theirs, () => {
      logger.debug('Sending')
    }),
    timed('taskLog.debug(message)', ours, () => {
      taskLog.debug('Sending')
    }),
  ]
}

function timed(name: string, version: string | undefined, call: (index: number) => void): Case {
  return {
    name,
    version,
    run() {
      const startedAt = performance.now()
      for (let index = 0; index < CALLS; index++) call(index)
      return ((performance.now() - startedAt) / CALLS) * 1e6
    },
  }
}
