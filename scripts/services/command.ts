/** Runs a program of the machine and keeps what it says. */

import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const LAST_LINES = 20
/** A mirror that takes connections and then says nothing would hold the tests up for ever. */
const LIMIT_MS = 20 * 60_000

/** How it went: the exit code (`undefined`: it could not be started, or took too long) and what it said, both streams. */
export interface Outcome {
  readonly code: number | undefined
  readonly output: string
}

export function command(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Outcome> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: undefined, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? undefined, output: lastLines(output) }))
  })
}

/** The program of this name on the PATH. */
export function onPath(name: string): string | undefined {
  return firstExecutable(name, (process.env['PATH'] ?? '').split(delimiter))
}

/** The first program of this name in these folders. Empty ones are passed over. */
export function firstExecutable(name: string, folders: readonly string[]): string | undefined {
  const endings = process.platform === 'win32' ? ['.exe', ''] : ['']
  return folders
    .filter((folder) => folder !== '')
    .flatMap((folder) => endings.map((ending) => join(folder, name + ending)))
    .find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
}
