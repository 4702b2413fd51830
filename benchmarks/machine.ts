/** Where and on what was measured. */

import { spawnSync } from 'node:child_process'
import { arch, cpus, release } from 'node:os'

export interface Machine {
  /** ISO 8601. */
  readonly date: string
  readonly node: string
  readonly cpu: string
  readonly system: string
  /** The commit; ", changed" means that the numbers belong to none. */
  readonly source: string
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown CPU'} × ${cpus().length}`,
    system: `${process.platform} ${arch()} ${release()}`,
    source: sourceState(),
  }
}

function sourceState(): string {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    })
    return status === 0 ? stdout.trim() : undefined
  }
  // Of what is measured and of what measures: writing the results down makes no other commit of them.
  const measured = ['--', '../src', '*.ts', 'package-lock.json']
  const commit = git('log', '-1', '--format=%h', ...measured)
  if (commit === undefined || commit === '') return 'an unknown commit'
  return git('status', '--porcelain', ...measured) === '' ? commit : `${commit}, changed`
}
