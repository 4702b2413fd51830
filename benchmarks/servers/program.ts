/** A server that a benchmark starts for itself: found, started on a free port, and ended with us. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'

export interface Server {
  /** Where clients find it. */
  readonly url: string
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

export interface Running {
  readonly directory: string
  readonly port: number
}

export interface Start {
  readonly name: string
  readonly program: string
  /** Called with its own new directory and a port that was free a moment ago. */
  readonly args: (running: Running) => readonly string[]
  /** Fills the directory before the start. */
  readonly fill?: (directory: string) => void
  /** Runs as this user. Default: as we do. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
  /** What it says when it is ready. Not an answer on the port: another program may have taken that meanwhile. */
  readonly ready: string
  /** Ends it, at once and in order. */
  readonly signal: NodeJS.Signals
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const START_MS = 60_000
const ATTEMPTS = 3

/** Starts it and waits until it is ready; on another port, if this one was taken meanwhile. */
export async function startServer(start: Start): Promise<Running & { stop(): Promise<void> }> {
  const failures: unknown[] = []
  while (failures.length < ATTEMPTS) {
    try {
      return await startOnce(start)
    } catch (error) {
      failures.push(error)
    }
  }
  throw failures.at(-1)
}

async function startOnce(start: Start): Promise<Running & { stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), `plainsight-bench-${start.name}-`))
  const removeFiles = (): void => rmSync(directory, { recursive: true, force: true })
  try {
    start.fill?.(directory)
    const running = { directory, port: await freePort() }
    const child = spawn(start.program, start.args(running), {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...start.user,
    })
    const stop = endWithUs(child, start.signal, removeFiles)
    try {
      await untilReady(start, child)
    } catch (error) {
      await stop()
      throw error
    }
    return { ...running, stop }
  } catch (error) {
    removeFiles()
    throw error
  }
}

/** What ends each server that runs. */
const stops = new Set<() => Promise<void>>()

/** Has it ended with this process, whether that ends by itself or from the keyboard. Answers what ends it earlier. */
function endWithUs(
  child: ChildProcess,
  signal: NodeJS.Signals,
  removeFiles: () => void,
): () => Promise<void> {
  const end = (): void => {
    child.kill(signal)
  }
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  const stop = async (): Promise<void> => {
    end()
    await ended
    removeFiles()
    process.off('exit', end)
    stops.delete(stop)
    if (stops.size === 0) for (const each of SIGNALS) process.off(each, stopAllAndEnd)
  }
  process.on('exit', end)
  if (stops.size === 0) for (const each of SIGNALS) process.on(each, stopAllAndEnd)
  stops.add(stop)
  return stop
}

function stopAllAndEnd(received: NodeJS.Signals): void {
  const ending = [...stops].map((stop) => stop())
  // The listeners are gone then, so that the signal does what it does.
  void Promise.allSettled(ending).then(() => process.kill(process.pid, received))
}

function untilReady({ name, ready }: Start, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = (why: string): void => reject(new Error(`${name} did not start: ${why}\n${said}`))
    const timer = setTimeout(() => fail(`not ready after ${START_MS / 1_000} s`), START_MS)
    const onText = (text: string): void => {
      said = (said + text).slice(-4_000)
      if (said.includes(ready)) resolve()
    }
    child.stdout?.setEncoding('utf8').on('data', onText)
    child.stderr?.setEncoding('utf8').on('data', onText)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code, killedBy) => {
      clearTimeout(timer)
      fail(`it ended with ${killedBy ?? code}`)
    })
    timer.unref()
  })
}
