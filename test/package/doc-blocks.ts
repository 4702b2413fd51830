/** The programs in README and docs: fenced as `ts run`, each run as it stands, against the source. */

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './source-files.ts'

/** One fenced block. */
export interface Block {
  /** `docs/events.md:12`: where its first line of code is. */
  readonly place: string
  /** What stands after the fence: `ts run`, `text output`. */
  readonly kind: string
  readonly text: string
}

/** A block that is a whole program. */
export interface Program {
  readonly place: string
  readonly code: string
  /** The `text output` block that follows it; `undefined` when there is none. */
  readonly output: string | undefined
}

export interface Run {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

const RUN_LIMIT_MS = 20_000

/** README and every page of docs, by path from the root. */
export function documents(): readonly string[] {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path.split(sep).join('/')}`)
  return ['README.md', ...pages.toSorted()]
}

export function readDocument(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The fenced blocks of a document, in order. */
export function blocksOf(path: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { kind: string; line: number; lines: string[] } | undefined
  for (const [index, line] of readDocument(path).split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined)
      open = { kind: (fence[1] ?? '').trim(), line: index + 2, lines: [] }
    else {
      const text = open.lines.map((each) => `${each}\n`).join('')
      blocks.push({ place: `${path}:${open.line}`, kind: open.kind, text })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: this fence is not closed`)
  return blocks
}

/** The programs of a document, each with the output that the document promises. */
export function programsOf(path: string): readonly Program[] {
  const blocks = blocksOf(path)
  return blocks.flatMap(({ kind, place, text }, index) => {
    if (kind !== 'ts run') return []
    const next = blocks[index + 1]
    return [{ place, code: text, output: next?.kind === 'text output' ? next.text : undefined }]
  })
}

/** Runs a program in a directory of its own, on this Node. */
export function runProgram(code: string): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-docs-'))
  writeFileSync(join(directory, 'program.mts'), code)
  const preload = pathToFileURL(join(root, 'test/support/from-source.ts')).href
  const flags = ['--disable-warning=ExperimentalWarning', '--unhandled-rejections=strict']
  const child = spawn(process.execPath, [...flags, '--import', preload, 'program.mts'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_LIMIT_MS,
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode) => {
      rmSync(directory, { recursive: true, force: true })
      resolve({ exitCode, ...said })
    })
  })
}
