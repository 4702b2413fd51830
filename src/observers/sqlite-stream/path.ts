/** The path of a stream's file, checked. */

import { isAbsolute, resolve } from 'node:path'
import { InvalidOptionsError } from '../../task/errors.ts'

/**
 * The absolute path: a later `process.chdir` changes nothing.
 *
 * @throws {InvalidOptionsError} INVALID_OPTIONS naming `path`
 */
export function readPath(path: unknown, where: string): string {
  // In SQLite's own syntax each connection would get a database of its own.
  const isPath =
    typeof path === 'string' &&
    path !== '' &&
    !path.includes('\0') &&
    path !== ':memory:' &&
    !path.startsWith('file:')
  if (!isPath) throw new InvalidOptionsError('path', 'the path of a file', path, where)
  return isAbsolute(path) ? path : resolve(path)
}
