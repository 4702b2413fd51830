/** A PostgreSQL on loopback for one run, as initdb makes it: fsync and synchronous_commit are on. */

import { spawnSync } from 'node:child_process'
import { chownSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bringProgram, findProgram, type Program } from '../../scripts/services/program.ts'
import { startServer, type Server } from './program.ts'

/** Debian puts its programs where PATH does not look, one folder per version. */
const DEBIAN = '/usr/lib/postgresql'
const USER = 'bench'

const POSTGRES: Program = {
  name: 'postgres',
  variable: 'POSTGRES_BIN',
  folders: debianFolders,
  packages: {
    'apt-get': 'postgresql',
    dnf: 'postgresql-server',
    apk: 'postgresql',
    pacman: 'postgresql',
    brew: 'postgresql',
  },
}

/** @throws {MissingProgramError} when there is no PostgreSQL on this machine, and none can be had */
export async function startPostgres(): Promise<Server> {
  // A link on the PATH stands alone: initdb lies beside the file itself.
  const program = realpathSync(await bringProgram(POSTGRES))
  const user = unprivilegedUser()
  const { port, stop } = await startServer({
    name: 'postgres',
    program,
    user,
    // A fast shutdown: ends the sessions, writes a checkpoint.
    signal: 'SIGINT',
    ready: 'eady to accept connections',
    fill(directory) {
      if (user !== undefined) chownSync(directory, user.uid, user.gid)
      runInitdb(join(dirname(program), 'initdb'), directory, user)
    },
    args: (running) => postgresArguments(running),
  })
  return { url: `postgres://${USER}@127.0.0.1:${port}/postgres`, stop }
}

export function postgresArguments({
  directory,
  port,
}: {
  readonly directory: string
  readonly port: number
}): readonly string[] {
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=']
  return ['-D', directory, ...settings.flatMap((setting) => ['-c', setting])]
}

export function postgresVersion(): string {
  const { stdout } = spawnSync(findProgram(POSTGRES), ['--version'], { encoding: 'utf8' })
  return /\d[\d.]*/.exec(stdout)?.[0] ?? 'of an unknown version'
}

function debianFolders(): readonly string[] {
  try {
    // The newest first.
    const versions = readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a))
    return versions.map((version) => join(DEBIAN, version, 'bin'))
  } catch {
    return []
  }
}

function runInitdb(
  program: string,
  directory: string,
  user: { readonly uid: number; readonly gid: number } | undefined,
): void {
  const args = ['-D', directory, '-U', USER, '--auth=trust', '--encoding=UTF8', '--no-locale']
  const { status, error, stderr } = spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    ...user,
  })
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
}

/** PostgreSQL does not run as root. */
function unprivilegedUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string, name: string): number | undefined => {
    const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' })
    return status === 0 ? Number(stdout) : undefined
  }
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf('-u', name)
    const gid = idOf('-g', name)
    if (uid !== undefined && gid !== undefined) return { uid, gid }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody')
}
