import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plainsight-services-'))
  mkdirSync(join(directory, 'bin'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** On a machine that has nothing but `bin`, and has built nothing before. */
function prepare(name: string, env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/services/prepare.ts'), name],
    {
      encoding: 'utf8',
      env: { PATH: join(directory, 'bin'), XDG_CACHE_HOME: join(directory, 'cache'), ...env },
    },
  )
  return { status, stdout, stderr }
}

/** A program of the machine's, in POSIX shell. */
function installed(name: string, script: string): void {
  writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

const cached = (): readonly string[] => readdirSync(join(directory, 'cache/plainsight-tests'))

describe('the programs from elsewhere that tests need', () => {
  it('a machine without Go is told so in one line, and told apart from a failure', () => {
    const { status, stdout, stderr } = prepare('collector')
    expect([status, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/^no Go toolchain on the PATH .*\n$/)
    expect(cached()).toEqual([])
  })

  it('a module proxy that cannot be reached is no failure of ours either, and leaves nothing behind', () => {
    installed('go', 'echo "dial tcp: no route to host" >&2; exit 1')
    const { status, stderr } = prepare('collector')
    expect(status).toBe(3)
    expect(stderr).toMatch(/^the builder of the Collector cannot be had .*:$/m)
    expect(stderr).toContain('no route to host')
    expect(cached()).toEqual([])
  })

  it('a Collector that does not compile is a failure', () => {
    // Answers `go install` with a builder that makes the sources, and fails at `go build`.
    installed(
      'go',
      `if [ "$1" = build ]; then echo "syntax error" >&2; exit 1; fi
       printf '#!/bin/sh\\n/bin/mkdir source\\n' > "$GOBIN/builder"; /bin/chmod +x "$GOBIN/builder"`,
    )
    const { status, stderr } = prepare('collector')
    expect(status).toBe(1)
    expect(stderr).toContain('the Collector could not be built:\nsyntax error')
    expect(cached()).toEqual([])
  })

  it('what was built once is not built again', () => {
    installed(
      'go',
      `if [ "$1" = build ]; then echo built > otelcol; exit 0; fi
       printf '#!/bin/sh\\n/bin/mkdir source\\n' > "$GOBIN/builder"; /bin/chmod +x "$GOBIN/builder"`,
    )
    const first = prepare('collector')
    expect(first.status).toBe(0)
    rmSync(join(directory, 'bin/go'))
    expect(prepare('collector')).toEqual({ status: 0, stdout: first.stdout, stderr: '' })
    expect(cached()).toHaveLength(1)
  })

  it('a machine without Prometheus and Debian is told what to do', () => {
    const { status, stderr } = prepare('prometheus')
    expect(status).toBe(3)
    expect(stderr).toMatch(/^no Prometheus here, .*PROMETHEUS_BIN\n$/)
  })

  it('a machine without Redis and a package manager is told what to do, as a failure: most tests need it', () => {
    const { status, stdout, stderr } = prepare('redis')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(
      /^there is no redis-server here, and no package manager .*: install it, or .*REDIS_SERVER_BIN\n$/,
    )
  })

  it('Redis is installed through the package manager, and its lists are fetched when they are old', () => {
    // Answers the second attempt, after an update; without root it is asked through sudo.
    const manager = `if [ "$1" = update ]; then : > "${directory}/updated"; exit 0; fi
       [ -e "${directory}/updated" ] || exit 100
       printf '#!/bin/sh\\n' > "${directory}/bin/redis-server"; /bin/chmod +x "${directory}/bin/redis-server"`
    installed('apt-get', manager)
    installed('sudo', 'shift; exec "$@"')
    const { status, stdout, stderr } = prepare('redis')
    expect([status, stdout]).toEqual([0, `${join(directory, 'bin/redis-server')}\n`])
    expect(stderr).toContain('apt-get install --yes --no-install-recommends redis-server')
  })

  it('an installation that fails says what the package manager said, and the command to run', () => {
    installed('apt-get', 'echo "E: Unable to locate package redis-server" >&2; exit 100')
    installed('sudo', 'shift; exec "$@"')
    const { status, stderr } = prepare('redis')
    expect(status).toBe(1)
    expect(stderr).toContain('Unable to locate package')
    expect(stderr).toContain('(as root: apt-get install')
  })

  it('REDIS_SERVER_BIN comes first, then the PATH', () => {
    installed('redis-server', 'exit 0')
    expect(prepare('redis').stdout).toBe(`${join(directory, 'bin/redis-server')}\n`)
    installed('other', 'exit 0')
    const other = join(directory, 'bin/other')
    expect(prepare('redis', { REDIS_SERVER_BIN: other }).stdout).toBe(`${other}\n`)
  })

  it('a REDIS_SERVER_BIN that is no program is a failure, whatever is installed', () => {
    installed('redis-server', 'exit 0')
    expect(prepare('redis', { REDIS_SERVER_BIN: directory })).toMatchObject({
      status: 1,
      stderr: `REDIS_SERVER_BIN is ${directory}, which cannot be executed\n`,
    })
  })

  it('a machine without Valkey and Python is told what to do; without PyPI as well', () => {
    expect(prepare('valkey')).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/^no Valkey here, .*VALKEY_SERVER_BIN\n$/) as string,
    })
    installed('python3', 'echo "no route to host" >&2; exit 1')
    const { status, stderr } = prepare('valkey')
    expect(status).toBe(3)
    expect(stderr).toContain('no route to host')
    expect(cached()).toEqual([])
  })

  it('PROMETHEUS_BIN comes first, then the PATH', () => {
    installed('prometheus', 'exit 0')
    expect(prepare('prometheus').stdout).toBe(`${join(directory, 'bin/prometheus')}\n`)
    expect(prepare('prometheus', { PROMETHEUS_BIN: '/opt/p' }).stdout).toBe('/opt/p\n')
  })
})
