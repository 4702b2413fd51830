import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { describe, expect, it } from 'vitest'
import { doorsOf, readSources, root } from './source-files.ts'

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const sources = readSources()
const doors = doorsOf(sources)

/** The door files that package.json promises, by the name a user imports. */
const promised = new Map(
  Object.entries(manifest.exports)
    .filter(([name]) => name !== './package.json')
    .map(([name, target]) => {
      const path = typeof target === 'string' ? target : (target['default'] ?? '')
      return [name, path.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')]
    }),
)

describe('the doors', () => {
  it('are the files directly in src, no more and no fewer', () => {
    expect([...promised.values()].toSorted()).toEqual([...doors])
  })

  it('each have types beside their code', () => {
    for (const [name, door] of promised) {
      const file = door.replace(/\.ts$/, '')
      expect(manifest.exports[name]).toEqual({
        types: `./dist/${file}.d.ts`,
        default: `./dist/${file}.js`,
      })
    }
  })

  it('list every name they export', () => {
    const starred = doors.filter((door) =>
      parseSync(door, sources.get(door) ?? '').module.staticExports.some((line) =>
        line.entries.some((entry) => entry.importName.kind === 'AllButDefault'),
      ),
    )
    expect(starred).toEqual([])
  })

  // A changed name is a changed API. `npm run test:unit -- -u` accepts it, and the diff shows it to the reviewer.
  it('export the names in exports.snapshot.json', async () => {
    const names: Record<string, { values: readonly string[]; types: readonly string[] }> = {}
    for (const [name, door] of promised) {
      const loaded = (await import(join(root, 'src', door))) as Readonly<Record<string, unknown>>
      const values = Object.keys(loaded).toSorted()
      const types = exportedNames(door).filter((each) => !values.includes(each))
      names[name] = { values, types }
    }
    await expect(`${JSON.stringify(names, null, 2)}\n`).toMatchFileSnapshot('exports.snapshot.json')
  })
})

describe('package.json', () => {
  it('installs eventemitter3 and nothing else', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['eventemitter3'])
    expect(manifest.optionalDependencies).toBeUndefined()
  })

  it('asks for no peer that is not optional', () => {
    const required = Object.keys(manifest.peerDependencies).filter(
      (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
    )
    expect(required).toEqual([])
    expect(Object.keys(manifest.peerDependenciesMeta).toSorted()).toEqual(
      Object.keys(manifest.peerDependencies).toSorted(),
    )
  })

  it('runs nothing when it is installed or packed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'prepack']
    expect(Object.keys(manifest.scripts).filter((name) => hooks.includes(name))).toEqual([])
  })
})

describe('package-lock.json', () => {
  it.each(['.', 'scripts/pinned-node', 'benchmarks'])('of %s names no registry', (directory) => {
    const lock = readFileSync(join(root, directory, 'package-lock.json'), 'utf8')
    expect(lock.match(/"https?:\/\/[^"]*\.tgz"/g)).toBeNull()
  })
})

describe('the packed package', () => {
  const files = packedFiles()

  it('holds dist, src and docs, and no file of ours beside them', () => {
    const beside = files.filter((path) => !/^(dist|src|docs)\//.test(path))
    const expected = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']
    expect(beside.filter((path) => !expected.includes(path))).toEqual([])
    expect(files.filter((path) => /\.(test|bench)\.|\.db$|\.tsbuildinfo$/.test(path))).toEqual([])
  })

  it('holds every source file, since the maps of dist point there', () => {
    expect(files).toEqual(expect.arrayContaining([...sources.keys()].map((path) => `src/${path}`)))
  })

  it.skipIf(!existsSync(join(root, 'dist')))('holds what each door promises', () => {
    for (const target of Object.values(manifest.exports)) {
      for (const path of typeof target === 'string' ? [target] : Object.values(target))
        expect(files).toContain(path.replace(/^\.\//, ''))
    }
  })
})

function exportedNames(door: string): readonly string[] {
  const { staticExports } = parseSync(door, sources.get(door) ?? '').module
  return staticExports
    .flatMap((line) => line.entries.map((entry) => entry.exportName.name))
    .filter((name) => name !== null)
    .toSorted()
}

function packedFiles(): readonly string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  })
  // An array up to npm 11, an object by package name after it.
  const packed = Object.values(JSON.parse(output) as Record<string, unknown>)[0]
  const { files } = packed as { readonly files: readonly { readonly path: string }[] }
  return files.map((file) => file.path)
}
