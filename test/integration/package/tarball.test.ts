// What a user gets: the packed package, installed into an empty project, compiled against and run.

import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { programsOf } from '../../package/doc-blocks.ts'
import { root } from '../../package/source-files.ts'

const run = promisify(execFile)
const [program] = programsOf('README.md')
const doors = Object.keys(manifest.exports)
  .filter((name) => name !== './package.json')
  .map((name) => name.replace(/^\./, 'plainsight'))

/** Doors that cannot be loaded without a package beside. */
const peered: Readonly<Record<string, string>> = {
  'plainsight/otel': '@opentelemetry/api',
  'plainsight/redis': 'ioredis',
}

// Built by `npm run build`, which `npm test` does before the tests.
describe.skipIf(!existsSync(join(root, 'dist')))('the packed package, installed', () => {
  let project = ''

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'plainsight-user-'))
    // Its one dependency is packed from the copy that is here, so that the test needs no registry.
    const tarballs = [await pack('.'), await pack('node_modules/eventemitter3')]
    write('package.json', { private: true, type: 'module' })
    const quietly = ['--ignore-scripts', '--offline', '--no-audit', '--no-fund']
    await npm(project, ['install', ...quietly, ...tarballs.map((file) => `./${file}`)])
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
    symlinkSync(
      join(root, 'node_modules/@types/node'),
      join(project, 'node_modules/@types/node'),
      'junction',
    )
    write('readme.ts', program?.code ?? '')
    write('doors.ts', importing(doors.filter((door) => peered[door] === undefined)))
    write('all-doors.ts', importing(doors))
  }, 60_000)

  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it('runs the example of the README, and prints what the README says', async () => {
    expect(await node(['readme.ts'])).toEqual({ stdout: program?.output, stderr: '' })
  })

  it('loads every entry point, with no other package installed', async () => {
    const loaded = doors.length - Object.keys(peered).length
    expect(await node(['doors.ts'])).toEqual({ stdout: `${loaded}\n`, stderr: '' })
  })

  it('has its dependency inside, of the very version that package.json names, and its licence', () => {
    const read = (path: string): string => readFileSync(join(project, 'node_modules', path), 'utf8')
    const { dependencies } = JSON.parse(read('plainsight/package.json')) as Record<string, object>
    const { version } = JSON.parse(read('eventemitter3/package.json')) as Record<string, string>
    expect(dependencies).toEqual({ eventemitter3: version })
    const files = readdirSync(join(project, 'node_modules/plainsight/dist'), {
      recursive: true,
      encoding: 'utf8',
    }).filter((name) => name.endsWith('.js'))
    const asking = files.filter((name) =>
      read(`plainsight/dist/${name}`).includes('"eventemitter3"'),
    )
    expect(asking).toEqual([])
    expect(read('plainsight/dist/eventemitter3.LICENSE')).toContain('Arnout Kazemier')
  })

  it.each(Object.entries(peered))(
    '%s says that it needs %s, and the command to run',
    async (door, name) => {
      write('alone.ts', `import('${door}').catch((error) => console.log(error.message))\n`)
      const { stdout, stderr } = await node(['alone.ts'])
      expect(stdout).toContain(`${door} needs the package ${name}`)
      expect(stdout).toContain(`run: npm install ${name}@`)
      expect(stderr).toBe('')
    },
  )

  it.each([
    ['nodenext', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler', { module: 'preserve', moduleResolution: 'bundler' }],
  ])('compiles under moduleResolution %s, its own types checked too', async (_name, options) => {
    installPeers()
    const compilerOptions = {
      ...options,
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
    }
    write('tsconfig.json', { compilerOptions, files: ['readme.ts', 'all-doors.ts'] })
    expect(await compile()).toBe('')
  })

  it('gives a wrong input to the compiler, not to the task', async () => {
    const wrong = (program?.code ?? '').replace("{ to: 'Ada' }", '{ to: 42 }')
    write('wrong.ts', wrong)
    write('tsconfig.json', {
      compilerOptions: { module: 'nodenext', strict: true, noEmit: true, types: ['node'] },
      files: ['wrong.ts'],
    })
    expect(await compile()).toMatch(/wrong\.ts\(\d+,\d+\): error TS/)
  })

  it('with the packages beside it, loads every entry point', async () => {
    installPeers()
    expect(await node(['all-doors.ts'])).toEqual({ stdout: `${doors.length}\n`, stderr: '' })
  })

  /** The copies that are here. */
  function installPeers(): void {
    for (const name of ['@opentelemetry', 'ioredis']) {
      const target = join(project, 'node_modules', name)
      if (!existsSync(target)) symlinkSync(join(root, 'node_modules', name), target, 'junction')
    }
  }

  function importing(names: readonly string[]): string {
    const imports = names.map((door, index) => `import * as door${index} from '${door}'`)
    const uses = names.map((_door, index) => `door${index}`)
    return `${imports.join('\n')}\nconsole.log([${uses.join(', ')}].length)\n`
  }

  async function pack(directory: string): Promise<string> {
    const args = ['--json', '--ignore-scripts', '--pack-destination', project]
    const packed = await npm(join(root, directory), ['pack', ...args])
    // An array up to npm 11, an object by package name after it.
    const [first] = Object.values(JSON.parse(packed) as Record<string, { filename: string }>)
    return first?.filename ?? ''
  }

  function write(path: string, content: string | object): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(project, path), text)
  }

  function node(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return run(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: project,
    })
  }

  async function compile(): Promise<string> {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    try {
      await run(process.execPath, [tsc, '-p', project])
      return ''
    } catch (error) {
      return (error as { readonly stdout?: string }).stdout ?? String(error)
    }
  }
})

async function npm(cwd: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run('npm', [...args], { cwd, shell: process.platform === 'win32' })
  return stdout
}
