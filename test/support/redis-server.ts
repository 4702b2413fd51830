/** A Redis server for one test: on a port of its own, with a directory of its own, ended by its pid. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisBinary } from '../../scripts/services/redis.ts'
import { atExit } from './at-exit.ts'
import { freePort } from './free-port.ts'

export interface RedisServerOptions {
  /** Settings as on the command line: `['--appendonly', 'yes']`. Default: nothing is persisted. */
  readonly args?: readonly string[] | undefined
  /** Another server that speaks the same protocol, such as Valkey's. */
  readonly binary?: string | undefined
}

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Where it keeps what it persists. */
  readonly directory: string
  readonly pid: number
  /** `SIGSTOP` freezes it, `SIGCONT` wakes it up, `SIGKILL` ends it without a word. */
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>
  /** Starts it again on the same port and directory, after it has ended; resolves when it listens, be it loading or not. */
  restart(args?: readonly string[]): Promise<void>
  /** Kills it and removes its directory. */
  stop(): Promise<void>
}

const NOT_PERSISTED = ['--save', '', '--appendonly', 'no']
const START_MS = 20_000

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = options.binary ?? (await redisBinary())
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-redis-'))
  let port = await freePort()
  let child: ChildProcess
  let ended: Promise<void>

  async function start(args: readonly string[]): Promise<void> {
    const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, ...args]
    const each = spawn(binary, [...settings, '--enable-debug-command', 'local'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = each
    let said = ''
    for (const stream of [each.stdout, each.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    }
    const leaveExit = atExit(() => void each.kill('SIGKILL'))
    let isOver = false
    ended = new Promise((resolve) => {
      const end = (): void => {
        isOver = true
        leaveExit()
        resolve()
      }
      each.on('error', end)
      each.on('close', end)
    })
    const until = performance.now() + START_MS
    // It says so when it has its port. That somebody listens there proves nothing: it may be another server, that was faster.
    while (!said.includes('Server initialized')) {
      if (isOver) throw new Error(`${binary} ended before it listened:\n${said}`)
      if (performance.now() > until) throw new Error(`${binary} does not listen:\n${said}`)
      await sleep(10)
    }
  }

  async function startFirst(args: readonly string[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await start(args)
        return
      } catch (error) {
        // Free a moment ago, and somebody else's now.
        if (tries === 5 || !/in use/.test((error as Error).message)) throw error
        port = await freePort()
      }
    }
  }

  let settings = options.args ?? NOT_PERSISTED
  await startFirst(settings)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    get pid() {
      return child.pid ?? -1
    },
    signal: (signal) => void child.kill(signal),
    get ended() {
      return ended
    },
    async restart(args) {
      settings = args ?? settings
      await start(settings)
    },
    async stop() {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
