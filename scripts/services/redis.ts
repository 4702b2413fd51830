/** A real Redis: the one that the machine has, or that of its package manager. */

import { bringProgram, type Program } from './program.ts'

export const REDIS: Program = {
  name: 'redis-server',
  variable: 'REDIS_SERVER_BIN',
  packages: {
    'apt-get': 'redis-server',
    dnf: 'redis',
    apk: 'redis',
    pacman: 'redis',
    brew: 'redis',
  },
}

/**
 * The path of its server.
 *
 * @throws {MissingProgramError} when there is none, and none can be had
 */
export function redisBinary(): Promise<string> {
  return bringProgram(REDIS)
}
