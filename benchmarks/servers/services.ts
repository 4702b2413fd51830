/** The servers of a run: started by the process that reports, found by those of the cases. */

import { startPostgres } from './postgres.ts'
import { MissingProgramError, type Server } from './program.ts'
import { startRedis } from './redis.ts'

export type ServiceName = 'redis' | 'redisAlways' | 'postgres'

const LABELS: Readonly<Record<ServiceName, string>> = {
  redis: 'Redis',
  redisAlways: 'Redis',
  postgres: 'PostgreSQL',
}

const STARTS: Readonly<Record<ServiceName, () => Promise<Server>>> = {
  redis: () => startRedis('none'),
  redisAlways: () => startRedis('always'),
  postgres: startPostgres,
}

/** Processes of cases inherit the environment. */
function variableOf(name: ServiceName): string {
  return `PLAINSIGHT_BENCH_${name.toUpperCase()}`
}

/** Where the service is; undefined when this machine does not have it. */
export function urlOf(name: ServiceName): string | undefined {
  return process.env[variableOf(name)]
}

export interface Services {
  /** A line for each program that is not on this machine: which one, and how to get it. */
  readonly missing: readonly string[]
  stop(): Promise<void>
}

/** Starts them; a program that is not installed is no failure, one that does not start is. */
export async function startServices(names: readonly ServiceName[]): Promise<Services> {
  const running = new Map<ServiceName, Server>()
  const missing = new Set<string>()
  const stop = async (): Promise<void> => {
    await Promise.all([...running.values()].map((server) => server.stop()))
    for (const name of running.keys()) delete process.env[variableOf(name)]
  }
  try {
    for (const name of names) {
      const server = await startOrMiss(name, missing)
      if (server === undefined) continue
      running.set(name, server)
      process.env[variableOf(name)] = server.url
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { missing: [...missing], stop }
}

async function startOrMiss(name: ServiceName, missing: Set<string>): Promise<Server | undefined> {
  try {
    return await STARTS[name]()
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error
    missing.add(`what takes ${LABELS[name]}: ${error.message}`)
    return undefined
  }
}

/** For the notes of a report: which cases it lacks, and what it takes to have them. */
export function leftOut(services: Services | undefined): readonly string[] {
  return (services?.missing ?? []).map((why) => `Left out: ${why}.`)
}
