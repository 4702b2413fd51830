/** A Redis on loopback for one run, with nothing else in it. */

import { spawnSync } from 'node:child_process'
import { findProgram } from '../../scripts/services/program.ts'
import { REDIS, redisBinary } from '../../scripts/services/redis.ts'
import { startServer, type Server } from './program.ts'

/** `none`: lost with the process. `always`: a write is answered after its fsync. */
export type RedisPersistence = 'none' | 'always'

/** @throws {MissingProgramError} when there is no redis-server on this machine, and none can be had */
export async function startRedis(persistence: RedisPersistence): Promise<Server> {
  const program = await redisBinary()
  const { port, stop } = await startServer({
    name: 'redis',
    program,
    signal: 'SIGTERM',
    ready: 'eady to accept connections',
    args: (running) => redisArguments(persistence, running),
  })
  return { url: `redis://127.0.0.1:${port}`, stop }
}

/** For its command line; all that is not here is as Redis has it. */
export function redisArguments(
  persistence: RedisPersistence,
  { directory, port }: { readonly directory: string; readonly port: number },
): readonly string[] {
  const appendOnly = persistence === 'always' ? ['yes', '--appendfsync', 'always'] : ['no']
  const address = ['--port', String(port), '--bind', '127.0.0.1']
  return [...address, '--dir', directory, '--save', '', '--appendonly', ...appendOnly]
}

export function redisVersion(): string {
  const { stdout } = spawnSync(findProgram(REDIS), ['--version'], {
    encoding: 'utf8',
  })
  return /v=(\S+)/.exec(stdout)?.[1] ?? 'of an unknown version'
}
