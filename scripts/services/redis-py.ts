/** A stock Redis client for Python, from PyPI, in a directory of its own: for tests of what other programs read. */

import { dirname } from 'node:path'
import { cached, UnavailableError } from './cache.ts'
import { command, onPath } from './command.ts'

const PACKAGE = 'redis==6.4.0'

/** What runs a program that imports `redis`: the interpreter, and the path that it has to look in besides its own. */
export interface RedisPy {
  readonly python: string
  readonly env: Readonly<Record<'PYTHONPATH', string>>
}

/**
 * Nothing is installed in the machine's Python.
 *
 * @throws {UnavailableError} when there is no Python, or PyPI cannot be reached
 */
export async function redisPy(): Promise<RedisPy> {
  const python = onPath('python3')
  if (python === undefined) throw new UnavailableError('no Python here: install python3 and pip')
  const file = await cached('redis-py-6.4.0', 'redis/__init__.py', async (directory) => {
    process.stderr.write(`redis-py: taking ${PACKAGE} from PyPI, once …\n`)
    const args = ['-m', 'pip', 'install', '--no-compile', '--target', '.', PACKAGE]
    const { code, output } = await command(python, args, { cwd: directory })
    if (code !== 0)
      throw new UnavailableError(`pip did not bring ${PACKAGE} to this machine:\n${output}`)
  })
  return { python, env: { PYTHONPATH: dirname(dirname(file)) } }
}
