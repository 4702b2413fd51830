/**
 * Brings a program that tests need: `prepare.ts collector`, `prometheus`, `redis` or `valkey`. Ends with 0 and the path of the
 * program, with 3 and the reason when it cannot be had on this machine, or with 1 when it should have been.
 */

import { UnavailableError } from './cache.ts'
import { collectorBinary } from './collector.ts'
import { prometheusBinary } from './prometheus.ts'
import { redisBinary } from './redis.ts'
import { valkeyBinary } from './valkey.ts'

const binaries: Readonly<Record<string, () => Promise<string>>> = {
  collector: collectorBinary,
  prometheus: prometheusBinary,
  redis: redisBinary,
  valkey: valkeyBinary,
}

const [name = ''] = process.argv.slice(2)
try {
  const binary = binaries[name]
  if (binary === undefined)
    throw new Error(`prepare: no program "${name}"; there are ${Object.keys(binaries).join(', ')}`)
  process.stdout.write(`${await binary()}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof UnavailableError ? 3 : 1
}
