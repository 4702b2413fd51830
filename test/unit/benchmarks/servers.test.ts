import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { postgresArguments } from '../../../benchmarks/servers/postgres.ts'
import { findProgram, MissingProgramError } from '../../../benchmarks/servers/program.ts'
import { redisArguments } from '../../../benchmarks/servers/redis.ts'
import { leftOut } from '../../../benchmarks/servers/services.ts'

describe('findProgram', () => {
  const place = { variable: 'SAMPLE_BIN', install: 'apt-get install sample' }
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
    expect(findProgram('sample-server', place, env)).toBe(named)
  })

  it('takes the first on PATH, then the folders given', () => {
    const [first, second, beside] = [program('a'), program('b'), program('c')]
    const PATH = [join(directory, 'empty'), join(directory, 'a'), join(directory, 'b')]
    const folders = [join(directory, 'c')]
    const env = { PATH: PATH.join(delimiter) }
    expect(findProgram('sample-server', { ...place, folders }, env)).toBe(first)
    rmSync(first)
    expect(findProgram('sample-server', { ...place, folders }, env)).toBe(second)
    rmSync(second)
    expect(findProgram('sample-server', { ...place, folders }, env)).toBe(beside)
  })

  it('passes over a folder of that name', () => {
    mkdirSync(join(directory, 'a', 'sample-server'), { recursive: true })
    const found = program('b')
    const env = { PATH: [join(directory, 'a'), join(directory, 'b')].join(delimiter) }
    expect(findProgram('sample-server', place, env)).toBe(found)
  })

  it('says how to install what is missing', () => {
    const find = (): string => findProgram('sample-server', place, { PATH: directory })
    expect(find).toThrow(MissingProgramError)
    expect(find).toThrow(
      'there is no sample-server here: apt-get install sample, or name the file in SAMPLE_BIN',
    )
  })

  it('does not look elsewhere when the file that was named is no program', () => {
    program('path')
    const env = { SAMPLE_BIN: join(directory, 'no'), PATH: join(directory, 'path') }
    expect(() => findProgram('sample-server', place, env)).toThrow(/SAMPLE_BIN is .*no, which/)
  })
})

describe('the servers', () => {
  const running = { directory: '/data', port: 4711 }

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

  it('that are missing are named in the report', () => {
    const missing = ['what takes Redis: there is no redis-server here']
    expect(leftOut({ missing })).toEqual([
      'Left out: what takes Redis: there is no redis-server here.',
    ])
    expect(leftOut(undefined)).toEqual([])
  })
})
