/** Ends a process in every way, and counts the lines that its observers had not written. */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

const PROGRAM = fileURLToPath(new URL('exit-child.ts', import.meta.url))
const STRICT = new URL('../support/strict.ts', import.meta.url).href
const OBSERVERS = ['console', 'pino', 'file'] as const
/** How the process ends, and what its end then looks like. */
const ENDS = {
  natural: 0,
  close: 0,
  exit: 3,
  throw: 1,
  SIGTERM: 'SIGTERM',
  SIGKILL: 'SIGKILL',
  'head -1': 0,
} as const
type End = keyof typeof ENDS
/** Three events each, and some of the executor. */
const TASKS = 7_000

export const name = 'exit'

/** `rounds`: tasks, of three lines each. */
export function cases({ rounds = TASKS }: SuiteOptions): readonly Case[] {
  return OBSERVERS.flatMap((observer) =>
    endsOf(observer).map((end) => ({
      name: `${observer}, ${end === 'head -1' ? 'a reader that leaves' : end}`,
      run: () => oneEnd(observer, end, rounds),
    })),
  )
}

function endsOf(observer: string): readonly End[] {
  const all = Object.keys(ENDS) as End[]
  // A file has no reader.
  return observer === 'file' ? all.filter((end) => end !== 'head -1') : all
}

async function oneEnd(observer: string, end: End, tasks: number): Promise<CaseReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-exit-'))
  try {
    const { text, how, stderr } = await run(observer, end, tasks, directory)
    const breaches: string[] = []
    if (how !== ENDS[end]) breaches.push(`it ended with ${how}, not ${ENDS[end]}: ${stderr}`)
    const hasThrown = end === 'throw'
    if (hasThrown !== stderr.includes('on purpose') || (!hasThrown && stderr !== ''))
      breaches.push(`on stderr: ${stderr}`)
    const lines = text.split('\n')
    const rest = lines.pop()
    if (rest !== '') breaches.push(`the last line is cut: ${rest}`)
    const written = new Set(lines.map((line) => (JSON.parse(line) as { seq: number }).seq))
    if (written.size < lines.length)
      breaches.push(`${lines.length - written.size} lines are doubled`)
    const journal = readJournal(join(directory, 'journal'))
    const lost = journal.filter(({ seq }) => !written.has(seq))
    if (end === 'head -1') {
      breaches.push(...afterReaderLeft(directory, journal.length))
    } else {
      // What a SIGKILL may take of those that write once per turn: its own.
      const lastTurn = journal.at(-1)?.turn
      const isAllowed = (turn: number): boolean =>
        end === 'SIGKILL' && observer !== 'pino' && turn === lastTurn
      const unfair = lost.filter(({ turn }) => !isAllowed(turn)).length
      if (unfair > 0) breaches.push(`${unfair} lines are lost`)
    }
    // Otherwise it ended before it had anything to lose.
    if (journal.length < tasks * 2.9) breaches.push(`only ${journal.length} events were published`)
    const what = end === 'head -1' ? 'not read' : 'lost'
    return { counts: `${journal.length} lines, ${lost.length} ${what}`, breaches }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The process went on to its end, and its observer knows where every line has gone. */
function afterReaderLeft(directory: string, published: number): string[] {
  const path = join(directory, 'drained')
  if (!existsSync(path)) return ['the process did not outlive its reader']
  const stats = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>
  const { emitted = 0, delivered = 0, dropped = 0, failed = 0, queued = 0 } = stats
  const isExact = emitted === delivered + dropped + failed + queued && emitted === published
  return isExact ? [] : [`${published} published, and the counters are ${JSON.stringify(stats)}`]
}

function readJournal(path: string): readonly { readonly seq: number; readonly turn: number }[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => {
    const [seq = 0, turn = 0] = line.split(' ').map(Number)
    return { seq, turn }
  })
}

/** Of the file and those that it was rotated to. */
function readLogs(directory: string): string {
  const names = readdirSync(directory).filter((each) => /^log(\.\d+)?$/.test(each))
  return names.map((each) => readFileSync(join(directory, each), 'utf8')).join('')
}

interface Ended {
  readonly text: string
  readonly stderr: string
  readonly how: number | NodeJS.Signals | null
}

function run(observer: string, end: End, tasks: number, directory: string): Promise<Ended> {
  const flags = ['--unhandled-rejections=strict', '--import', STRICT]
  const args = [...flags, PROGRAM, observer, end, String(tasks), directory]
  const stdio = ['ignore', 'pipe', 'pipe'] as const
  const child =
    end === 'head -1'
      ? spawn('bash', ['-c', 'set -o pipefail; "$0" "$@" | head -1', process.execPath, ...args], {
          stdio: [...stdio],
        })
      : spawn(process.execPath, args, { stdio: [...stdio] })
  let text = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (observer === 'file') text += readLogs(directory)
      resolve({ text, stderr, how: signal ?? code })
    })
  })
}
