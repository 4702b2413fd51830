/** A Collector on a free port, with the configuration of the example, writing to a file. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { collectorBinary } from '../../scripts/services/collector.ts'
import { freePort } from '../support/free-port.ts'

const config = join(import.meta.dirname, '../../examples/otel-collector/collector.yaml')
/** Its own metrics would take a port that may be taken. */
const quiet = 'yaml:service::telemetry::metrics::level: none'
const READY = 'Everything is ready'

export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  /** Ends it by its pid; when this settles, all that it took is in the file. */
  stop(): Promise<void>
}

/** Starts one that writes what it receives to `file`. */
export async function startCollector(file: string): Promise<Collector> {
  const binary = await collectorBinary()
  // Between looking for a free port and taking it, somebody else can.
  for (let tries = 1; ; tries++) {
    try {
      return await startOn(await freePort(), binary, file)
    } catch (error) {
      if (tries === 3) throw error
    }
  }
}

async function startOn(port: number, binary: string, file: string): Promise<Collector> {
  const endpoint = `127.0.0.1:${port}`
  const child = spawn(binary, ['--config', config, '--config', quiet], {
    env: { ...process.env, COLLECTOR_ENDPOINT: endpoint, COLLECTOR_FILE: file },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  let said = ''
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      process.off('exit', kill)
      resolve(code)
    })
  })
  const ready = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes(READY)) resolve()
    })
  })
  const early = ended.then((code) => {
    throw new Error(`the Collector ended with code ${code} before it was ready:\n${said}`)
  })
  early.catch(() => {})
  await Promise.race([ready, early])
  return {
    url: `http://${endpoint}`,
    async stop() {
      child.kill('SIGTERM')
      const code = await ended
      if (code !== 0) throw new Error(`the Collector ended with code ${code}:\n${said}`)
    },
  }
}
