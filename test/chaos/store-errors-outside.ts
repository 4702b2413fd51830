/** Faults that come to a process from outside: a limit of the system, and a disk that answers with errors. */

import { spawn, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BackendErrorReason } from '../../src/task/errors.ts'
import { startChild } from '../support/child.ts'
import type { LifeReport } from './store-errors-life.ts'

export interface OutsideFault {
  readonly name: string
  readonly reasons: readonly BackendErrorReason[]
  readonly advice: RegExp
  readonly durability?: 'process' | 'power'
  /** The program that it needs; where there is none, the case says so and is not run. */
  readonly needs: string
  /** Answers what ends it. */
  begin(pid: number, path: string): Promise<() => Promise<void>>
}

const PROGRAM = fileURLToPath(new URL('store-errors-child.ts', import.meta.url))
const IO_ADVICE = /check that it still exists, and the disk and its mount/

/** The errors of the system that SQLite meets when it writes, reads or syncs. */
const INJECTED = [
  ['writes fail with EIO', 'pwrite64:error=EIO', ['io'], IO_ADVICE],
  ['writes fail with ENOSPC', 'pwrite64:error=ENOSPC', ['full'], /free some space/],
  // Each commit is synced: durability 'power'.
  ['syncs fail with EIO', 'fdatasync,fsync:error=EIO', ['io'], IO_ADVICE],
  ['every third write fails with EIO', 'pwrite64:error=EIO:when=1+3', ['io'], IO_ADVICE],
] as const

export const OUTSIDE: readonly OutsideFault[] = [
  {
    name: 'files may not grow (RLIMIT_FSIZE)',
    reasons: ['io', 'full'],
    advice: /check that it still exists|free some space/,
    needs: 'prlimit',
    async begin(pid, path) {
      // The log may be written up to where it ends now; of the soft limit only, so that it can be lifted.
      const size = statSync(`${path}-wal`).size
      run('prlimit', `--pid=${pid}`, `--fsize=${size}:`)
      return async () => run('prlimit', `--pid=${pid}`, '--fsize=unlimited:')
    },
  },
  ...INJECTED.map(([name, inject, reasons, advice]) => ({
    name,
    reasons,
    advice,
    needs: 'strace',
    durability: inject.includes('sync') ? ('power' as const) : ('process' as const),
    begin: (pid: number) => injected(pid, inject),
  })),
]

/** Runs the case in a child, or says why it cannot. */
export async function liveOutside(fault: OutsideFault, path: string): Promise<LifeReport | string> {
  const missing = unavailable(fault.needs)
  if (missing !== undefined) return missing
  const child = startChild(PROGRAM, [fault.name, path])
  let end: (() => Promise<void>) | undefined
  try {
    await child.line('break')
    end = await fault.begin(child.pid, path)
    child.write('broken')
    await child.line('heal')
    await end()
    end = undefined
    child.write('healed')
    const line = await child.line('report ')
    const { code, stderr } = await child.ended
    const report = JSON.parse(line.slice('report '.length)) as LifeReport
    if (code === 0 && stderr === '') return report
    return { ...report, breaches: [...report.breaches, `it ended with code ${code}: ${stderr}`] }
  } finally {
    await end?.()
    child.kill()
    await child.ended
  }
}

/** Why it cannot be run here. */
function unavailable(program: string): string | undefined {
  const { error } = spawnSync(program, ['--version'])
  if (error !== undefined)
    return `not run: there is no ${program} here; install it to run this case`
  if (program !== 'strace') return undefined
  const { status, stderr } = spawnSync('strace', ['-e', 'trace=none', 'true'], { encoding: 'utf8' })
  return status === 0 ? undefined : `not run: strace may not trace here: ${stderr.trim()}`
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

/** Lets system calls of the process fail for as long as strace is attached to it. */
async function injected(pid: number, inject: string): Promise<() => Promise<void>> {
  const strace = spawn(
    'strace',
    ['-f', '-p', String(pid), '-e', `inject=${inject}`, '-o', '/dev/null'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const ended = new Promise<void>((resolve) => {
    strace.on('close', () => resolve())
  })
  await new Promise<void>((resolve, reject) => {
    let text = ''
    strace.stderr.setEncoding('utf8').on('data', (more: string) => {
      text += more
      if (text.includes('attached')) resolve()
    })
    strace.on('close', () => reject(new Error(`strace ended: ${text}`)))
    strace.on('error', reject)
  })
  return async () => {
    strace.kill('SIGINT')
    await ended
  }
}
