/**
 * The external truth of a chaos run: what was accepted, begun, over and settled, one line each, in an append-only
 * file that a SIGKILL cannot take anything back from.
 */

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * - `P`: a process begins.
 * - `A id kind key`: enqueue has resolved.
 * - `R id attempt`: the body begins; `E id attempt ok|fail`: it is about to return or throw.
 * - `C id`: a cancel was answered with true.
 * - `D id status`: the outcome was published, so the record has it.
 */
type Mark = 'P' | 'A' | 'R' | 'E' | 'C' | 'D'

export interface Entry {
  readonly mark: Mark
  readonly id: string
  readonly words: readonly string[]
  /** Index of the process that wrote it. */
  readonly process: number
  /** Line number: the order of writing. */
  readonly at: number
}

export interface Journal {
  write(mark: Mark, id: string, ...words: readonly (string | number)[]): void
  close(): void
}

/** A line counts only with this at its end: a kill can cut one. */
const COMPLETE = ' .'

export function openJournal(path: string): Journal {
  const file = openSync(path, 'a')
  // Ends whatever line a kill has cut.
  writeSync(file, '\n')
  return {
    write(mark, id, ...words) {
      writeSync(file, `${[mark, id, ...words].join(' ')}${COMPLETE}\n`)
    },
    close: () => closeSync(file),
  }
}

export function readJournal(path: string): Entry[] {
  const entries: Entry[] = []
  let process = -1
  for (const [at, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (!line.endsWith(COMPLETE)) continue
    const [mark, id = '', ...words] = line.slice(0, -COMPLETE.length).split(' ')
    if (mark === 'P') process += 1
    entries.push({ mark: mark as Mark, id, words, process, at })
  }
  return entries
}
