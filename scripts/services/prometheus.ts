/** A real Prometheus: the one that the machine has, or Debian's, unpacked and not installed. */

import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, UnavailableError } from './cache.ts'
import { command, onPath } from './command.ts'

const ELSE = 'install Prometheus, or name its program in PROMETHEUS_BIN'

/**
 * The path of its binary: `PROMETHEUS_BIN`, or `prometheus` on the PATH, or that of Debian's package. Nothing is installed
 * and no service started, and no root needed.
 *
 * @throws {UnavailableError} when there is none, and none can be had
 */
export async function prometheusBinary(): Promise<string> {
  const given = process.env['PROMETHEUS_BIN']
  if (given !== undefined && given !== '') return given
  const installed = onPath('prometheus')
  if (installed !== undefined) return installed
  // Debian's own updates are not followed: what was unpacked once is good enough for a test.
  const name = `prometheus-debian-${process.arch}`
  return cached(name, join('usr', 'bin', 'prometheus'), unpack)
}

async function unpack(directory: string): Promise<void> {
  if (onPath('apt-get') === undefined || onPath('dpkg') === undefined)
    throw new UnavailableError(`no Prometheus here, and no Debian to take one from; ${ELSE}`)
  process.stderr.write('prometheus: taking the program from the package of Debian, once …\n')
  const got = await command('apt-get', ['download', 'prometheus'], { cwd: directory })
  const file = readdirSync(directory).find((each) => each.endsWith('.deb'))
  if (got.code !== 0 || file === undefined) {
    const hint = `run apt-get update; or ${ELSE}`
    throw new UnavailableError(`apt-get has no package prometheus: ${hint}\n${got.output}`)
  }
  const unpacked = await command('dpkg', ['-x', file, '.'], { cwd: directory })
  if (unpacked.code !== 0)
    throw new Error(`the package of Prometheus could not be unpacked:\n${unpacked.output}`)
  rmSync(join(directory, file))
}
