/** A Prometheus on a free port that scrapes one target, and its HTTP API. */

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prometheusBinary } from '../../scripts/services/prometheus.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { freePort } from '../support/free-port.ts'

/** A point of a series: its labels, and the value as Prometheus writes it. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  query(text: string): Promise<readonly Sample[]>
  /** Ends it by its pid. */
  stop(): Promise<void>
}

/** Starts one that keeps its data in `directory` and scrapes `target`, a host and port, once a second. */
export async function startPrometheus(directory: string, target: string): Promise<Prometheus> {
  const config = join(directory, 'prometheus.yml')
  writeFileSync(config, configFor(target))
  const binary = await prometheusBinary()
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    binary,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const kill = (): void => void child.kill('SIGKILL')
  process.on('exit', kill)
  let said = ''
  let isOver = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isOver = true
      process.off('exit', kill)
      resolve()
    }
    child.on('error', end)
    child.on('close', end)
  })
  await waitFor(
    async () => {
      if (isOver) throw new Error(`Prometheus ended before it was ready:\n${said}`)
      const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined)
      return answer?.ok
    },
    { what: 'Prometheus to be ready', timeout: '60s', interval: 50 },
  )
  return {
    async query(text) {
      const answer = await fetch(
        `http://${address}/api/v1/query?${new URLSearchParams({ query: text }).toString()}`,
      )
      const { status, data, error } = (await answer.json()) as Answer
      if (status !== 'success') throw new Error(`Prometheus refuses ${text}: ${error}`)
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly value: readonly [number, string]
    }[]
  }
}

function configFor(target: string): string {
  return `scrape_configs:
  - job_name: shop
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs:
      - targets: ['${target}']
`
}
