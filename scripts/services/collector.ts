/** A real OpenTelemetry Collector, built from the Go module proxy by the Collector's own builder. */

import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached, UnavailableError } from './cache.ts'
import { command, onPath, type Outcome } from './command.ts'

const config = join(import.meta.dirname, 'builder.yaml')
const ending = process.platform === 'win32' ? '.exe' : ''

/**
 * The path of its binary, which is built if this version and configuration were not yet: about a minute, and on an empty
 * machine a few hundred megabytes of modules.
 *
 * @throws {UnavailableError} when there is no Go toolchain, or its modules cannot be had
 */
export function collectorBinary(): Promise<string> {
  const text = readFileSync(config, 'utf8')
  const version = /\/otlpreceiver v(\S+)/.exec(text)?.[1] ?? 'unknown'
  const platform = `${process.platform}-${process.arch}`
  const hash = createHash('sha256').update(`${platform}\n${text}`).digest('hex').slice(0, 12)
  const file = `otelcol${ending}`
  return cached(`otelcol-${version}-${hash}`, file, (directory) => build(directory, file, version))
}

async function build(directory: string, file: string, version: string): Promise<void> {
  const go = onPath('go')
  if (go === undefined) {
    throw new UnavailableError(
      'no Go toolchain on the PATH to build an OpenTelemetry Collector with, and none was built before ' +
        '(Go 1.23 or newer: https://go.dev/dl)',
    )
  }
  process.stderr.write(`collector: building the OpenTelemetry Collector ${version}, once …\n`)
  copyFileSync(config, join(directory, 'builder.yaml'))
  // Settings of the machine that are meant for other projects.
  const env = { GOFLAGS: '', GOWORK: 'off', GOBIN: directory, GOOS: '', GOARCH: '' }
  const run = (program: string, args: readonly string[], cwd = directory): Promise<Outcome> =>
    command(program, args, { cwd, env })
  const installed = await run(go, [
    'install',
    `go.opentelemetry.io/collector/cmd/builder@v${version}`,
  ])
  wanted(installed, 'the builder of the Collector')
  const builder = join(directory, `builder${ending}`)
  const sources = await run(builder, ['--config', 'builder.yaml', '--skip-compilation'])
  wanted(sources, 'the modules of the Collector')
  const source = join(directory, 'source')
  const built = await run(go, ['build', '-trimpath', '-ldflags=-s -w', '-o', file, '.'], source)
  if (built.code !== 0) throw new Error(`the Collector could not be built:\n${built.output}`)
  renameSync(join(source, file), join(directory, file))
  rmSync(source, { recursive: true })
  rmSync(builder)
}

function wanted({ code, output }: Outcome, what: string): void {
  if (code !== 0)
    throw new UnavailableError(`${what} cannot be had from the Go module proxy:\n${output}`)
}
