/** What can happen to a SQLite file under a living executor: each fault comes, is told clearly, and goes. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { liveDamaged } from './store-errors-damage.ts'
import { liveThrough, type BrokenStore, type Fault, type LifeReport } from './store-errors-life.ts'
import { liveOutside, OUTSIDE } from './store-errors-outside.ts'
import type { Case, CaseReport, Suite } from './suite.ts'

const FULL = { reasons: ['full'], advice: /free some space, then work goes on/ } as const

/** Holds the write lock for so long; what is waited for must not be refused when that is short. */
function heldFor(name: string, ms: number, reasons: Fault['reasons']): Fault {
  let holder: DatabaseSync | undefined
  let beganAt = 0
  return {
    name,
    reasons,
    // The second try of an enqueue outlasts it.
    refuses: false,
    advice: /look for a long transaction or a second copy of the program/,
    begin({ path }) {
      holder = new DatabaseSync(path)
      holder.exec('BEGIN IMMEDIATE')
      beganAt = performance.now()
      const held = holder
      setTimeout(() => held.exec('COMMIT'), ms)
    },
    async end() {
      await sleep(Math.max(0, beganAt + ms + 50 - performance.now()))
      holder?.close()
    },
  }
}

function eachConnection({ connections }: BrokenStore, pragma: string): void {
  for (const db of connections) if (db.isOpen) db.exec(`PRAGMA ${pragma}`)
}

function faults(): readonly Fault[] {
  return [
    {
      name: 'full: no more pages',
      ...FULL,
      begin(store) {
        // It becomes as many as there are: what is free among them can still be used.
        eachConnection(store, 'max_page_count = 1')
      },
      end: (store) => eachConnection(store, 'max_page_count = 1000000'),
    },
    heldFor('busy for 1 s', 1_000, []),
    heldFor('busy for 8 s', 8_000, ['busy']),
    {
      name: 'read-only',
      reasons: ['read_only'],
      advice: /check the permissions of the file and of its directory/,
      begin: (store) => eachConnection(store, 'query_only = 1'),
      end: (store) => eachConnection(store, 'query_only = 0'),
    },
    {
      name: 'moved away and back',
      reasons: ['file_lost'],
      advice: /Move that very file back/,
      begin: ({ path }) => renameSync(path, `${path}.away`),
      end: ({ path }) => renameSync(`${path}.away`, path),
    },
    {
      name: 'its directory moved away and back',
      reasons: ['file_lost', 'cannot_open'],
      advice: /Move that very file back/,
      begin: ({ path }) => renameSync(join(path, '..'), join(path, '../../away')),
      end: ({ path }) => renameSync(join(path, '../../away'), join(path, '..')),
    },
  ]
}

export const suite: Suite = {
  name: 'store',
  /** `rounds`: how many times each; default 3. */
  cases: ({ rounds = 3, seed }) => [
    ...Array.from(faults(), ({ name }, index) =>
      // Made anew each time: some remember what they hold.
      repeated(name, rounds, (path) => liveThrough(path, faults()[index] as Fault)),
    ),
    repeated('full: a disk of 1 MiB', rounds, smallDisk),
    ...OUTSIDE.map((fault) => repeated(fault.name, rounds, (path) => liveOutside(fault, path))),
    repeated('damaged pages', rounds * 10, (path, round) => liveDamaged(path, seed + round)),
  ],
}

function repeated(
  name: string,
  rounds: number,
  live: (path: string, round: number) => Promise<LifeReport | string>,
): Case {
  return {
    name,
    async run(): Promise<CaseReport> {
      const breaches: string[] = []
      const reasons = new Set<string>()
      let accepted = 0
      let refused = 0
      for (let round = 0; round < rounds; round++) {
        const above = mkdtempSync(join(tmpdir(), 'plainsight-store-'))
        const directory = join(above, 'data')
        mkdirSync(directory)
        try {
          const report = await live(join(directory, 'tasks.db'), round)
          if (typeof report === 'string') return { counts: report, breaches }
          accepted += report.accepted
          refused += report.refused
          for (const reason of report.reasons) reasons.add(reason)
          breaches.push(...report.breaches.map((text) => `round ${round}: ${text}`))
        } finally {
          rmSync(above, { recursive: true, force: true })
        }
      }
      const said = [...reasons].join(', ') || 'nothing'
      return {
        counts: `${rounds} times, ${accepted} accepted, ${refused} refused (${said})`,
        breaches,
      }
    },
  }
}

/** A disk that is full of something else, until that is removed. Needs the right to mount. */
async function smallDisk(path: string): Promise<LifeReport | string> {
  const directory = join(path, '..')
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], {
    encoding: 'utf8',
  })
  if (mounted.status !== 0) return `not run: a tmpfs cannot be mounted here: ${why(mounted)}`
  try {
    return await liveThrough(path, {
      name: 'full',
      ...FULL,
      begin: () =>
        void spawnSync('dd', ['if=/dev/zero', `of=${join(directory, 'ballast')}`, 'bs=4k']),
      end: () => rmSync(join(directory, 'ballast')),
    })
  } finally {
    spawnSync('umount', [directory])
  }
}

function why({ error, stderr }: { readonly error?: Error; readonly stderr: string }): string {
  return error?.message ?? stderr.trim()
}
