/** Kills Redis while tasks are accepted, and counts which of them are there when it is back, for each way to persist. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createExecutor } from '../../../src/index.ts'
import { startChild } from '../../support/child.ts'
import { startRedis } from '../../support/redis-server.ts'
import { openStore } from '../open-store.ts'
import type { CaseReport } from '../suite.ts'

export interface Persistence {
  readonly name: string
  readonly args: readonly string[]
  /** Whether the death of Redis' process may take accepted tasks with it. */
  readonly loses: boolean
}

export const PERSISTENCES: readonly Persistence[] = [
  { name: 'no persistence', args: ['--save', '', '--appendonly', 'no'], loses: true },
  { name: 'save 60 1000', args: ['--save', '60 1000', '--appendonly', 'no'], loses: true },
  {
    name: 'appendfsync everysec',
    args: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
    loses: false,
  },
  {
    name: 'appendfsync always',
    args: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
    loses: false,
  },
]

const PROGRAM = fileURLToPath(new URL('enqueue-child.ts', import.meta.url))
const ROUND_MS = 1_000

export async function persistence(
  { args, loses }: Persistence,
  rounds: number,
): Promise<CaseReport> {
  let accepted = 0
  let lost = 0
  for (let round = 0; round < rounds; round++) {
    const one = await oneRound(args)
    accepted += one.accepted
    lost += one.lost
  }
  return {
    counts: `${rounds} kills of Redis, ${accepted} accepted, ${lost} lost`,
    breaches: [
      ...(accepted > 0 ? [] : ['nothing was accepted']),
      ...(loses || lost === 0 ? [] : [`${lost} accepted tasks are lost`]),
      // Otherwise the kill has killed nothing.
      ...(loses && lost === 0 ? ['nothing was lost, with nothing that would keep it'] : []),
    ],
  }
}

async function oneRound(args: readonly string[]): Promise<{ accepted: number; lost: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-persistence-'))
  const journal = join(directory, 'accepted')
  const server = await startRedis({ args })
  const child = startChild(PROGRAM, [server.url, journal])
  try {
    await child.line('accepted')
    await sleep(ROUND_MS * (0.7 + 0.6 * Math.random()))
    server.signal('SIGKILL')
    await server.ended
    child.kill()
    const { stderr } = await child.ended
    if (stderr !== '') throw new Error(`the caller said: ${stderr}`)
    await server.restart()
    const accepted = readFileSync(journal, 'utf8').split('\n').slice(0, -1)
    const there = await idsAt(server.url)
    return { accepted: accepted.length, lost: accepted.filter((id) => !there.has(id)).length }
  } finally {
    child.kill()
    await child.ended
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function idsAt(url: string): Promise<ReadonlySet<string>> {
  const executor = createExecutor({ work: false, backend: await openStore(url), observers: [] })
  try {
    await executor.start()
    const ids = new Set<string>()
    for (let cursor: string | undefined; ;) {
      const page = await executor.list({
        limit: 200,
        order: 'oldest',
        ...(cursor === undefined ? {} : { cursor }),
      })
      for (const { id } of page.records) ids.add(id)
      cursor = page.cursor
      if (cursor === undefined) return ids
    }
  } finally {
    await executor.close()
  }
}
