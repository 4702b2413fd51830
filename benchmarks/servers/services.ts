/** The servers of a run: started by the process that reports, found by those of the cases. */

import { MissingProgramError } from '../../scripts/services/program.ts'
import { postgresVersion, startPostgres } from './postgres.ts'
import type { Server } from './program.ts'
import { redisVersion, startRedis } from './redis.ts'

export type ServiceName = 'redis' | 'redisAlways' | 'postgres'

interface Service {
  readonly label: string
  readonly start: () => Promise<Server>
  readonly version: () => string
}

const SERVICES: Readonly<Record<ServiceName, Service>> = {
  redis: { label: 'Redis', start: () => startRedis('none'), version: redisVersion },
  redisAlways: { label: 'Redis', start: () => startRedis('always'), version: redisVersion },
  postgres: { label: 'PostgreSQL', start: startPostgres, version: postgresVersion },
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
  /** Which programs of which versions were measured: a report is made when they have ended. */
  readonly versions: readonly string[]
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
  const versions = [...running.keys()].map((name) => {
    const { label, version } = SERVICES[name]
    return `${label} ${version()}`
  })
  return { missing: [...missing], versions: [...new Set(versions)], stop }
}

async function startOrMiss(name: ServiceName, missing: Set<string>): Promise<Server | undefined> {
  try {
    return await SERVICES[name].start()
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error
    const [why = ''] = error.message.split('\n')
    missing.add(`what takes ${SERVICES[name].label}: ${why}`)
    return undefined
  }
}

/** For the notes of a report: which cases it lacks, and what it takes to have them. */
export function leftOut(services: Pick<Services, 'missing'> | undefined): readonly string[] {
  return (services?.missing ?? []).map((why) => `Left out: ${why}.`)
}
