/** A real Redis: the one that the machine has, or that of its package manager. */

import { command, onPath } from './command.ts'

/** How the package managers install it, without asking. The first that is on the PATH is used. */
const INSTALLERS: readonly (readonly string[])[] = [
  ['apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server'],
  ['dnf', 'install', '--assumeyes', 'redis'],
  ['apk', 'add', 'redis'],
  ['pacman', '--sync', '--noconfirm', 'redis'],
  ['brew', 'install', 'redis'],
]

/** There is none and it could not be installed: the tests cannot run, and the message has the command to run. */
class NoRedisError extends Error {}

/**
 * The path of its server: `REDIS_SERVER_BIN`, or `redis-server` on the PATH, which is installed through the machine's
 * package manager when it is not there and this user may do so.
 *
 * @throws {NoRedisError} when there is none, and none can be had
 */
export async function redisBinary(): Promise<string> {
  const given = process.env['REDIS_SERVER_BIN']
  if (given !== undefined && given !== '') return given
  return onPath('redis-server') ?? install()
}

async function install(): Promise<string> {
  const installer = INSTALLERS.find(([program = '']) => onPath(program) !== undefined)
  if (installer === undefined) throw noRedis('no package manager that is known here has it', [])
  const [program = '', ...args] = installer
  const line = mayInstall(program) ? [program, ...args] : ['sudo', '-n', program, ...args]
  if (line[0] === 'sudo' && onPath('sudo') === undefined) {
    throw noRedis('only root may install it', installer)
  }
  process.stderr.write(`redis: installing it, once: ${line.join(' ')} …\n`)
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const run = (args: readonly string[]): ReturnType<typeof command> =>
    command(args[0] ?? '', args.slice(1), { cwd: '/', env })
  let outcome = await run(line)
  if (outcome.code !== 0 && program === 'apt-get') {
    // Lists of packages that are missing or old.
    await run([...line.slice(0, line.indexOf('install')), 'update'])
    outcome = await run(line)
  }
  const found = onPath('redis-server')
  if (found !== undefined) return found
  throw noRedis(`"${line.join(' ')}" did not bring it:\n${outcome.output}`, installer)
}

/** Homebrew refuses root; the others want it. */
function mayInstall(program: string): boolean {
  return program === 'brew' || process.getuid?.() === 0
}

function noRedis(why: string, installer: readonly string[]): NoRedisError {
  const line = installer.length > 0 ? installer.join(' ') : 'your package manager'
  return new NoRedisError(
    `the tests need a Redis server, and there is none: ${why}\n` +
      `Install it (as root: ${line}), or name its program in REDIS_SERVER_BIN, and run the same command again.`,
  )
}
