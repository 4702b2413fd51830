/** Runs cases of one suite in processes of their own: what ends a process early fails the case that was running in it. */

import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseEnd } from './run-cases.ts'

export interface SuiteRun {
  /** Path of the list of suites. */
  readonly list: string
  readonly suite: string
  readonly indexes: readonly number[]
  readonly seed: number
  readonly rounds: number | undefined
  /** Processes at once. */
  readonly jobs: number
  /** A case that has not ended by then is stuck. */
  readonly limitMs: number
}

const PROGRAM = fileURLToPath(new URL('run-cases.ts', import.meta.url))
/** Of what a process said before it ended. */
const MAX_STDERR = 4_000

/** Calls `onEnd` once per index, in the order in which they end. */
export async function runSuite(run: SuiteRun, onEnd: (end: CaseEnd) => void): Promise<void> {
  const shares = Array.from({ length: run.jobs }, (_, job) =>
    run.indexes.filter((_index, position) => position % run.jobs === job),
  )
  await Promise.all(
    shares.map(async (share) => {
      let left: readonly number[] = share
      while (left.length > 0) left = await runSome(run, left, onEnd)
    }),
  )
}

/** Answers the indexes that are left for another process. */
function runSome(
  { list, suite, seed, rounds, limitMs }: SuiteRun,
  indexes: readonly number[],
  onEnd: (end: CaseEnd) => void,
): Promise<readonly number[]> {
  const args = [list, suite, indexes.join(','), String(seed)]
  if (rounds !== undefined) args.push(String(rounds))
  const child = fork(PROGRAM, args, {
    execArgv: [...process.execArgv, '--unhandled-rejections=strict'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  const waiting = [...indexes]
  let startedAt = performance.now()
  let stderr = ''
  let isStuck = false
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  const isLate = (): void => {
    isStuck = true
    kill()
  }
  let deadline = setTimeout(isLate, limitMs)
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR)
  })
  child.on('message', (end: CaseEnd) => {
    waiting.splice(waiting.indexOf(end.index), 1)
    clearTimeout(deadline)
    deadline = setTimeout(isLate, limitMs)
    startedAt = performance.now()
    stderr = ''
    onEnd(end)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      process.off('exit', kill)
      const index = waiting.shift()
      if (index !== undefined) {
        const how = isStuck
          ? `it had not ended after ${limitMs / 60_000} min`
          : `its process ended (code ${code}, signal ${signal})`
        const durationMs = performance.now() - startedAt
        onEnd({ index, counts: '', breaches: [`${how}: ${stderr.trim()}`], durationMs })
      }
      resolve(waiting)
    })
  })
}

/** The list of suites that a run has unless it is told otherwise. */
export const SUITES: string = join(import.meta.dirname, '../suites.ts')
