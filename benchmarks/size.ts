/** What an installation brings into `node_modules`, and what a bundle of each entry point weighs. */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { doorSizes, type DoorSize } from '../scripts/door-sizes.ts'
import { inDirectory } from './directory.ts'
import { formatNumber, table } from './markdown.ts'
import { ratioTarget } from './report.ts'
import { find, type Case, type Series } from './rounds.ts'
import type { Subject } from './subject.ts'
import { ownVersion, versionOf } from './versions.ts'

const repository = join(import.meta.dirname, '..')
const OURS = 'plainsight'
const RIVAL = 'bullmq and ioredis'
const KILOBYTES = 'kB'
const PACKAGES = 'packages'
/** By what one installs together. */
const RIVALS: readonly (readonly [string, ...string[]])[] = [
  ['bullmq', 'ioredis'],
  ['pg-boss'],
  ['graphile-worker'],
  ['plainjob', 'better-sqlite3'],
  ['better-queue'],
  ['p-queue'],
  ['p-limit'],
  ['fastq'],
]

let doors: readonly DoorSize[] = []

export const size: Subject = {
  title: 'Size: what is installed',
  isolated: false,
  // Nothing here depends on the moment.
  rounds: 1,
  warmUps: 0,
  async prepare() {
    doors = await doorSizes()
  },
  cases: () => [ourPackage(), ...RIVALS.map((names) => rivalPackages(names))],
  report(series) {
    const names = [OURS, ...RIVALS.map(nameOf)]
    const sizes = names.map((name): Series => ({ ...find(series, `${name}: ${KILOBYTES}`), name }))
    const ofAll = sizes.map(({ name, version, values: [kilobytes = Number.NaN] }) => {
      const [packages = Number.NaN] = find(series, `${name}: ${PACKAGES}`).values
      return [name, version ?? '', String(packages), formatNumber(kilobytes)]
    })
    return {
      title: this.title,
      unit: 'kB',
      series: sizes,
      reference: find(sizes, RIVAL),
      table: [
        table(['installed', 'version', 'packages', 'kB'], ofAll, 2),
        table(
          ['entry point', 'minified, kB', 'and gzipped, kB'],
          doors.map(({ door, minified, gzipped }) => [
            door.replace('.', OURS),
            (minified / 1_000).toFixed(1),
            (gzipped / 1_000).toFixed(1),
          ]),
          1,
        ),
      ].join('\n\n'),
      chart: { series: sizes, unit: 'kB in node_modules' },
      targets: [ratioTarget('size: bullmq', find(sizes, OURS), find(sizes, RIVAL))],
      notes: [
        'The files of the package and of all that it depends on, as npm installs them here; what ours takes besides for Redis, ' +
          'pino or OpenTelemetry is not in its row, what BullMQ cannot do without is. Ours has its source and documentation in the package. Entry ' +
          'points are bundled with esbuild, each with all that it shares with the others.',
      ],
    }
  },
}

function nameOf(names: readonly string[]): string {
  return names.join(' and ')
}

/** The package as npm would publish it, and eventemitter3. */
function ourPackage(): Case {
  return {
    name: OURS,
    version: ownVersion(),
    run: () =>
      inDirectory(async (directory) => {
        const manifest = join(repository, 'package.json')
        const { files } = JSON.parse(readFileSync(manifest, 'utf8')) as { files: string[] }
        for (const path of ['package.json', 'README.md', 'LICENSE', ...files]) {
          const from = join(repository, path)
          if (path !== 'dist') cpSync(from, join(directory, path), { recursive: true })
        }
        const tsc = join(repository, 'node_modules/typescript/bin/tsc')
        runNode([tsc, '-p', 'tsconfig.build.json', '--outDir', join(directory, 'dist')])
        runNode([join(repository, 'scripts/bundle.mjs'), directory])
        const installed = packagesOf(['eventemitter3'], repository)
        const bytes = bytesOf(directory) + sum(installed.map(bytesOf))
        return { [KILOBYTES]: bytes / 1_000, [PACKAGES]: installed.length + 1 }
      }),
  }
}

function runNode(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { cwd: repository, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}, see above`)
}

function rivalPackages(names: readonly [string, ...string[]]): Case {
  return {
    name: nameOf(names),
    version: versionOf(names[0]),
    run() {
      const installed = packagesOf(names, import.meta.dirname)
      return {
        [KILOBYTES]: sum(installed.map(bytesOf)) / 1_000,
        [PACKAGES]: installed.length,
      }
    },
  }
}

/** The directories of these packages and of all they depend on, as far as they are installed. */
export function packagesOf(names: readonly string[], directory: string): readonly string[] {
  const found = new Set<string>()
  const visit = (name: string, from: string): void => {
    const path = resolvePackage(name, from)
    // What is for another platform, or optional and absent, is not installed.
    if (path === undefined || found.has(path)) return
    found.add(path)
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
      readonly dependencies?: Readonly<Record<string, string>>
      readonly optionalDependencies?: Readonly<Record<string, string>>
    }
    const needed = { ...manifest.dependencies, ...manifest.optionalDependencies }
    for (const each of Object.keys(needed)) visit(each, path)
  }
  for (const name of names) {
    if (resolvePackage(name, directory) === undefined)
      throw new Error(`${name} is not installed in ${directory}`)
    visit(name, directory)
  }
  return [...found]
}

/** As Node finds it: in the nearest `node_modules`, up to the repository's. */
function resolvePackage(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = join(directory, '..')) {
    const path = join(directory, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return path
    if (directory === repository || directory === join(directory, '..')) return undefined
  }
}

/** Of the files, without packages inside that are counted for themselves. */
function bytesOf(directory: string): number {
  const sizes = readdirSync(directory, { withFileTypes: true }).map((entry) => {
    const path = join(directory, entry.name)
    if (!entry.isDirectory()) return lstatSync(path).size
    return entry.name === 'node_modules' ? 0 : bytesOf(path)
  })
  return sum(sizes)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
