/** How long an import takes, in processes that do nothing else. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from './report.ts'
import { find, interleave, type Case, type Series } from './rounds.ts'
import { ownVersion, versionOf } from './versions.ts'

const repository = join(import.meta.dirname, '..')
const EMPTY = 'an empty process'
const MODULES = [
  'plainsight',
  'plainsight/sqlite',
  'plainsight/console',
  'eventemitter3',
  'p-limit',
  'p-queue',
  'fastq',
  'pino',
  'bullmq',
]

export async function imports(): Promise<Report> {
  buildPackage()
  const inside = new Map<string, number[]>(MODULES.map((name) => [name, []]))
  const cases = [
    caseOf(EMPTY, undefined, '', () => {}),
    ...MODULES.map((name) => {
      const code = `const t = performance.now(); await import('${name}'); process.stdout.write(String(performance.now() - t))`
      return caseOf(name, versionFor(name), code, (output) => inside.get(name)?.push(Number(output)))
    }),
  ]
  const warmUps = 1
  const walls = await interleave(cases, { rounds: 21, warmUps })
  const empty = find(walls, EMPTY)
  const series: Series[] = MODULES.map((name) => {
    const { version, values } = find(walls, name)
    const added = values.map((value, round) => value - (empty.values[round] ?? Number.NaN))
    return { name: `import '${name}'`, version, values: added }
  })
  const insides: Series[] = MODULES.map((name) => {
    const values = inside.get(name)?.slice(warmUps) ?? []
    return { name: `await import('${name}'), inside`, version: versionFor(name), values }
  })
  const ours = find(series, "import 'plainsight'")
  return {
    title: 'Import: what a process pays at its start',
    unit: 'ms',
    series: [...series, ...insides, empty],
    reference: find(series, "import 'bullmq'"),
    targets: [
      { what: "import 'plainsight'", bound: 'at most', limit: 10, unit: 'ms', values: ours.values },
    ],
    notes: [
      'A process per value, without a compile cache; ours is the built package. The first rows are whole processes minus the ' +
        'empty process of the same round, the rows "inside" are what `performance.now()` says around the import.',
    ],
  }
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
  if (status !== 0) console.error('bench: the build has type errors, see above; measuring it anyway')
}

function caseOf(
  name: string,
  version: string | undefined,
  code: string,
  onOutput: (output: string) => void,
): Case {
  return {
    name,
    version,
    run() {
      const args = ['--input-type=module', '--eval', code]
      const startedAt = performance.now()
      const child = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' })
      const tookMs = performance.now() - startedAt
      if (child.status !== 0) throw new Error(`import of ${name} failed: ${child.stderr}`)
      onOutput(child.stdout)
      return tookMs
    },
  }
}

function versionFor(module: string): string {
  return module.startsWith('plainsight') ? ownVersion() : versionOf(module)
}
