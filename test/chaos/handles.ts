/** Starts and stops executors, ten at a time, and looks for what they leave in the process. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '../support/child.ts'
import type { HandlesReport, Held } from './handles-child.ts'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

const PROGRAM = fileURLToPath(new URL('handles-child.ts', import.meta.url))
const BACKENDS = ['memory', 'sqlite'] as const
/** A process that is held has not ended by then. */
const END_LIMIT_MS = 2_000

export const name = 'handles'

/** `rounds`: starts and stops in each of ten lanes. */
export function cases({ rounds = 50, seed }: SuiteOptions): readonly Case[] {
  return BACKENDS.map((backend) => ({
    name: `starts and stops, ${backend}`,
    run: () => startsAndStops(backend, rounds, seed),
  }))
}

/** With `planted`, the child leaves one of each kind behind, so that the look at it is looked at. */
export async function startsAndStops(
  backend: (typeof BACKENDS)[number],
  rounds: number,
  seed: number,
  planted = false,
): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-handles-'))
  const child = startChild(
    PROGRAM,
    [backend, String(rounds), directory, String(seed), planted ? 'leaks' : ''],
    {
      execArgv: ['--expose-gc'],
    },
  )
  try {
    const report = JSON.parse(await child.line('{')) as HandlesReport
    const breaches = differences(report.before, report.after)
    if (report.alive > 0) breaches.push(`${report.alive} executors or backends are still reachable`)
    const deadline = setTimeout(() => child.kill(), END_LIMIT_MS)
    const { code, signal, stderr } = await child.ended
    clearTimeout(deadline)
    if (signal !== null) breaches.push('something keeps the process alive')
    if (stderr !== '' || (code !== 0 && signal === null))
      breaches.push(`it ended with code ${code}: ${stderr}`)
    const { descriptors, threads } = report.after
    return {
      counts: `${report.executors} executors, ${report.alive} still reachable, ${descriptors} descriptors and ${threads} threads as before`,
      breaches,
    }
  } finally {
    child.kill()
    await child.ended
    rmSync(directory, { recursive: true, force: true })
  }
}

function differences(before: Held, after: Held): string[] {
  const found: string[] = []
  for (const kind of ['resources', 'listeners'] as const) {
    const names = new Set([...Object.keys(before[kind]), ...Object.keys(after[kind])])
    for (const each of names) {
      const [was, is] = [before[kind][each] ?? 0, after[kind][each] ?? 0]
      if (is > was) found.push(`${kind}, ${each}: ${was} before, ${is} after`)
    }
  }
  for (const kind of ['descriptors', 'threads'] as const) {
    if (after[kind] > before[kind])
      found.push(`${kind}: ${before[kind]} before, ${after[kind]} after`)
  }
  return found
}
