/** A child process that talks in lines: what it wrote completely counts, and it is ended by its pid. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { atExit } from './at-exit.ts'

interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface ChildOptions {
  /** More flags of Node's own. */
  readonly execArgv?: readonly string[] | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** The program that runs it, with its arguments: `['strace', '-f']`. Then that one is killed. */
  readonly under?: readonly string[] | undefined
}

export interface Child {
  readonly pid: number
  /** All complete lines so far. */
  readonly lines: readonly string[]
  /** Settles with the first complete line that begins with `prefix`; rejects when the child ends without one. */
  line(prefix: string): Promise<string>
  write(line: string): void
  kill(signal?: NodeJS.Signals): void
  readonly ended: Promise<ChildEnd>
}

/** Ends the child at a process warning. */
const STRICT = new URL('strict.ts', import.meta.url).href

/** Runs a TypeScript program of ours on this very Node. It is killed when this process exits. */
export function startChild(
  program: string,
  args: readonly string[] = [],
  { execArgv = [], env = {}, under = [] }: ChildOptions = {},
): Child {
  const strict = ['--unhandled-rejections=strict', '--import', STRICT]
  const command = [...under, process.execPath, ...strict, ...execArgv, program, ...args]
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Types are stripped once, not once per child.
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'plainsight-compile-cache'), ...env },
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  let stderr = ''
  let end: ChildEnd | undefined
  const look = (): void => {
    for (const each of waiting) each()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A child that is gone takes no more lines: that is what its end says.
  child.stdin.on('error', () => {})
  const kill = (signal: NodeJS.Signals = 'SIGKILL'): void => {
    if (end === undefined) child.kill(signal)
  }
  const leaveExit = atExit(kill)
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      leaveExit()
      end = { code, signal, stderr }
      look()
      resolve(end)
    })
  })
  return {
    pid: child.pid ?? -1,
    lines,
    line: (prefix) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = lines.find((line) => line.startsWith(prefix))
          if (found !== undefined) {
            waiting.delete(check)
            resolve(found)
          } else if (end !== undefined) {
            waiting.delete(check)
            const how = `code ${end.code}, signal ${end.signal}`
            reject(new Error(`the child ended (${how}) before "${prefix}": ${end.stderr}`))
          }
        }
        waiting.add(check)
        check()
      }),
    write: (line) => void child.stdin.write(`${line}\n`),
    kill,
    ended,
  }
}
