/** Which versions were measured. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const repository = join(import.meta.dirname, '..')

/** The installed version of a package: a rival's, or one of the repository's own. */
export function versionOf(name: string): string {
  for (const directory of [import.meta.dirname, repository]) {
    const path = join(directory, 'node_modules', name, 'package.json')
    if (existsSync(path)) return readVersion(path)
  }
  throw new Error(`${name} is not installed: start the benchmarks with npm run bench`)
}

/** Our own version; the code measured is that of this checkout. */
export function ownVersion(): string {
  return readVersion(join(repository, 'package.json'))
}

function readVersion(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
