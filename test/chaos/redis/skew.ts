/** Two processes on one Redis whose wall clocks are an hour off, one each way: it is the clock of Redis that counts. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild, type Child } from '../../support/child.ts'
import { startRedis } from '../../support/redis-server.ts'
import { fakedTime } from '../clock.ts'
import type { CaseReport } from '../suite.ts'

const PROGRAM = fileURLToPath(new URL('skew-child.ts', import.meta.url))
const HOUR_S = 3_600
const MAX_OFF_MS = 1_000

/** For so long: the endless tasks must stay where they are, through more than one lease. */
export async function skew(count: number, seconds: number, seed: number): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-skew-'))
  const server = await startRedis()
  const children: Child[] = []
  try {
    for (const offset of [HOUR_S, -HOUR_S]) {
      const file = join(directory, `offset${offset}`)
      writeFileSync(file, `${offset < 0 ? '' : '+'}${offset}\n`)
      const args = [server.url, String(count), String(seed + offset)]
      children.push(startChild(PROGRAM, args, { env: fakedTime(file) }))
    }
    await Promise.all(children.map((child) => child.line('produced')))
    await sleep(seconds * 1_000)
    const said = (word: string): string[][] =>
      children.flatMap(({ lines }) =>
        lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ').slice(1)),
      )
    const began = new Map<string, number[]>()
    for (const [id = '', at] of said('began')) began.set(id, [...(began.get(id) ?? []), Number(at)])
    const off = said('due').map(([id = '', at]) => (began.get(id)?.[0] ?? Infinity) - Number(at))
    const runs = said('ran').length
    const endless = new Set(said('ran').map(([id]) => id)).size
    const [ahead = 0, behind = 0] = said('clock').map(([at]) => Number(at))
    const breaches = [
      ...(ahead - behind > HOUR_S * 1_900 ? [] : ['the wall clocks did not differ']),
      ...(off.length === 2 * count ? [] : [`${off.length} of ${2 * count} tasks were accepted`]),
      ...off.flatMap((ms) =>
        Math.abs(ms) > MAX_OFF_MS ? [`a task began ${ms} ms after its time`] : [],
      ),
      ...[...began].flatMap(([id, at]) =>
        at.length > 1 ? [`${id} began ${at.length} times`] : [],
      ),
      ...(runs === endless ? [] : [`${runs - endless} tasks of a process that lives were taken`]),
    ]
    return {
      counts: `2 processes 2 h apart for ${seconds} s, ${off.length} tasks began ${Math.min(...off)} to ${Math.max(...off)} ms after their time, ${runs - endless} of ${endless} running tasks taken from each other`,
      breaches,
    }
  } finally {
    for (const child of children) child.kill()
    await Promise.all(children.map((child) => child.ended))
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
