import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { postgresArguments } from '../../../benchmarks/servers/postgres.ts'
import { startServer } from '../../../benchmarks/servers/program.ts'
import { redisArguments } from '../../../benchmarks/servers/redis.ts'
import { leftOut, startServices, urlOf } from '../../../benchmarks/servers/services.ts'
import {
  findProgram,
  MissingProgramError,
  type Program,
} from '../../../scripts/services/program.ts'

describe('findProgram', () => {
  const packages = { 'apt-get': 'a', dnf: 'd', apk: 'k', pacman: 'p', brew: 'b' }
  const sample: Program = { name: 'sample-server', variable: 'SAMPLE_BIN', packages }
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'plainsight-test-'))
  })

  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  function program(folder: string, mode = 0o755): string {
    mkdirSync(join(directory, folder), { recursive: true })
    const path = join(directory, folder, 'sample-server')
    writeFileSync(path, '')
    chmodSync(path, mode)
    return path
  }

  it('takes the file that the environment names', () => {
    const named = program('named')
    const env = { SAMPLE_BIN: named, PATH: join(directory, 'path') }
    program('path')
    expect(findProgram(sample, env)).toBe(named)
  })

  it('takes the first on PATH, then the folders given', () => {
    const [first, second, beside] = [program('a'), program('b'), program('c')]
    const PATH = [join(directory, 'empty'), join(directory, 'a'), join(directory, 'b')]
    const folders = [join(directory, 'c')]
    const env = { PATH: PATH.join(delimiter) }
    expect(findProgram({ ...sample, folders: () => folders }, env)).toBe(first)
    rmSync(first)
    expect(findProgram({ ...sample, folders: () => folders }, env)).toBe(second)
    rmSync(second)
    expect(findProgram({ ...sample, folders: () => folders }, env)).toBe(beside)
  })

  it('passes over a folder of that name', () => {
    mkdirSync(join(directory, 'a', 'sample-server'), { recursive: true })
    const found = program('b')
    const env = { PATH: [join(directory, 'a'), join(directory, 'b')].join(delimiter) }
    expect(findProgram(sample, env)).toBe(found)
  })

  it('says how to install what is missing', () => {
    const find = (): string => findProgram(sample, { PATH: directory })
    expect(find).toThrow(MissingProgramError)
    expect(find).toThrow(
      /^there is no sample-server here: install it.*, or name its file in SAMPLE_BIN$/,
    )
  })

  it('does not look elsewhere when the file that was named is no program', () => {
    program('path')
    const env = { SAMPLE_BIN: join(directory, 'no'), PATH: join(directory, 'path') }
    expect(() => findProgram(sample, env)).toThrow(/SAMPLE_BIN is .*no, which/)
  })
})

describe('startServer', () => {
  /** A server of a few lines; `before` is what it does first. */
  function start(
    before: string,
    fill?: (directory: string) => void,
  ): ReturnType<typeof startServer> {
    const program = `${before}; console.log('Ready'); setInterval(() => {}, 1_000)`
    return startServer({
      name: 'sample',
      program: process.execPath,
      args: ({ port }) => ['-e', program, String(port)],
      ready: 'Ready',
      signal: 'SIGTERM',
      ...(fill !== undefined && { fill }),
    })
  }

  it('resolves when the server says that it is ready; stop ends it and removes its files', async () => {
    const { directory, port, stop } = await start(
      "require('node:fs').writeFileSync('pid', String(process.pid))",
    )
    const pid = Number(readFileSync(join(directory, 'pid'), 'utf8'))
    expect(process.kill(pid, 0)).toBe(true)
    expect(port).toBeGreaterThan(0)
    await stop()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(existsSync(directory)).toBe(false)
  })

  it('is tried again, on another port: this one may have been taken meanwhile', async () => {
    const directories: string[] = []
    const failOnce = `if (require('node:fs').existsSync('first')) process.exit(1)`
    const { stop } = await start(failOnce, (directory) => {
      directories.push(directory)
      if (directories.length === 1) writeFileSync(join(directory, 'first'), '')
    })
    await stop()
    expect(directories).toHaveLength(2)
    expect(directories.filter((directory) => existsSync(directory))).toEqual([])
  })

  it('rejects with what a server said that did not start', async () => {
    const attempt = start("console.error('no such option'); process.exit(3)")
    await expect(attempt).rejects.toThrow(
      /^sample did not start: it ended with 3\nno such option\n$/,
    )
  })

  it('leaves no listener behind', async () => {
    const count = (): readonly number[] =>
      ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name))
    const before = count()
    const servers = await Promise.all([start(''), start('')])
    expect(count()).toEqual([(before[0] as number) + 2, ...before.slice(1).map((n) => n + 1)])
    await Promise.all(servers.map(({ stop }) => stop()))
    expect(count()).toEqual(before)
  })
})

describe('the servers', () => {
  const running = { directory: '/data', port: 4711 }

  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('listen on loopback only', () => {
    expect(redisArguments('none', running).join(' ')).toContain('--bind 127.0.0.1')
    expect(postgresArguments(running)).toContain('listen_addresses=127.0.0.1')
  })

  it('differ in what Redis writes', () => {
    expect(redisArguments('none', running).slice(-4)).toEqual(['--save', '', '--appendonly', 'no'])
    expect(redisArguments('always', running).slice(-4)).toEqual([
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
    ])
  })

  it('leave PostgreSQL as durable as initdb makes it', () => {
    expect(postgresArguments(running).join(' ')).not.toMatch(/fsync|synchronous_commit/)
  })

  it('that this machine does not have are left out, with a line on how to get them', async () => {
    vi.stubEnv('REDIS_SERVER_BIN', '/nowhere/redis-server')
    const services = await startServices(['redis', 'redisAlways'])
    expect(urlOf('redis')).toBeUndefined()
    expect(services.versions).toEqual([])
    expect(services.missing).toEqual([
      'what takes Redis: REDIS_SERVER_BIN is /nowhere/redis-server, which cannot be executed',
    ])
    await services.stop()
  })

  it('that are missing are named in the report', () => {
    const missing = ['what takes Redis: there is no redis-server here']
    expect(leftOut({ missing })).toEqual([
      'Left out: what takes Redis: there is no redis-server here.',
    ])
    expect(leftOut(undefined)).toEqual([])
  })
})
