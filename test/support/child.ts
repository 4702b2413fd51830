/** A child process that talks in lines: what it wrote completely counts, and it is ended by its pid. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { tmpdir } from 'node:os'

interface ChildEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface Child {
  /** Settles with the first complete line that begins with `prefix`; rejects when the child ends without one. */
  line(prefix: string): Promise<string>
  write(line: string): void
  kill(signal?: NodeJS.Signals): void
  readonly ended: Promise<ChildEnd>
}

/** Runs a TypeScript program of ours on this very Node. It is killed when this process exits. */
export function startChild(program: string, args: readonly string[] = []): Child {
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Types are stripped once, not once per child.
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'plainsight-compile-cache') },
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
  const killAtExit = (): void => kill()
  process.on('exit', killAtExit)
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      process.off('exit', killAtExit)
      end = { code, signal, stderr }
      look()
      resolve(end)
    })
  })
  return {
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
