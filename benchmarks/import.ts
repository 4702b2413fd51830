/** How long an import takes, in processes that do nothing else. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ratioTarget, valueTarget } from './report.ts'
import { find, type Case, type Series } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const repository = join(import.meta.dirname, '..')
const EMPTY = 'an empty process'
const MODULES = [
  'plainsight',
  'plainsight and plainsight/sqlite',
  'plainsight and plainsight/console',
  'eventemitter3',
  'p-limit',
  'p-queue',
  'fastq',
  'pino',
  'bullmq',
]

const INSIDE = ', as timed inside'

export const imports: Subject = {
  title: 'Import: what a process pays at its start',
  isolated: false,
  rounds: 21,
  warmUps: 1,
  cases() {
    buildPackage()
    return [
      wholeProcess(EMPTY, undefined, ''),
      ...MODULES.map((name) => wholeProcess(name, versionFor(name), importing(name))),
      ...MODULES.map((name) => timedInside(name)),
    ]
  },
  report(measured) {
    const empty = find(measured, EMPTY)
    const wholes = MODULES.map((name): Series => {
      const { version, values } = find(measured, name)
      const added = values.map((value, round) => value - (empty.values[round] ?? Number.NaN))
      return { name, version, values: added }
    })
    const insides = MODULES.map((name) => find(measured, name + INSIDE))
    return {
      title: this.title,
      unit: 'ms',
      series: [...wholes, ...insides, empty],
      reference: find(wholes, 'bullmq'),
      targets: [
        valueTarget('import: time', find(wholes, 'plainsight')),
        ratioTarget('import: bullmq', find(wholes, 'plainsight'), find(wholes, 'bullmq')),
      ],
      notes: [
        'A process per value, without a compile cache; ours is the built package. The first rows are whole processes, minus ' +
          'the empty process of the same round; the rows "as timed inside" are what `performance.now()` says around the import.',
      ],
    }
  },
}

/** What a user has installed: the build, under its own name and behind its own exports. */
function buildPackage(): void {
  const directory = join(import.meta.dirname, 'node_modules', 'plainsight')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  cpSync(join(repository, 'package.json'), join(directory, 'package.json'))
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', join(directory, 'dist')]
  const { status } = spawnSync(process.execPath, args, { cwd: repository, stdio: ['ignore', 2, 2] })
  // tsc writes its output in spite of type errors.
  if (status !== 0)
    console.error('bench: the build has type errors, see above; measuring it anyway')
  const bundle = join(repository, 'scripts/bundle.mjs')
  spawnSync(process.execPath, [bundle, directory], { cwd: repository, stdio: ['ignore', 2, 2] })
}

function importing(names: string): string {
  return names
    .split(' and ')
    .map((name) => `await import('${name}')`)
    .join('; ')
}

/** The milliseconds of a whole process that runs `code`. */
function wholeProcess(name: string, version: string | undefined, code: string): Case {
  return {
    name,
    version,
    run() {
      const startedAt = performance.now()
      runNode(code)
      return performance.now() - startedAt
    },
  }
}

function timedInside(name: string): Case {
  const code = `const t = performance.now(); ${importing(name)}; process.stdout.write(String(performance.now() - t))`
  return { name: name + INSIDE, version: versionFor(name), run: () => Number(runNode(code)) }
}

function runNode(code: string): string {
  const args = ['--input-type=module', '--eval', code]
  const child = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' })
  if (child.status !== 0) throw new Error(`${code} failed: ${child.stderr}`)
  return child.stdout
}

function versionFor(module: string): string {
  return module.startsWith('plainsight') ? ownVersion() : versionOf(module)
}
