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
 * - `L id reason`: an outcome was refused, because the record is somebody else's.
 * - `K tag`, `S tag`, `T tag`: by the parent; a process was killed, stopped, let go on.
 */
type Mark = 'P' | 'A' | 'R' | 'E' | 'C' | 'D' | 'L' | 'K' | 'S' | 'T'

export interface Entry {
  readonly mark: Mark
  readonly id: string
  readonly words: readonly string[]
  /** What names the writer, where several write at once. */
  readonly tag?: string | undefined
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

/** `tag` names the writer, where several write at once; otherwise each `P` begins the next one. */
export function openJournal(path: string, tag?: string): Journal {
  const file = openSync(path, 'a')
  // Ends whatever line a kill has cut.
  writeSync(file, '\n')
  return {
    write(mark, id, ...words) {
      const line = [mark, id, ...words].join(' ')
      // With other writers, the line before may be one that a kill has cut.
      writeSync(file, tag === undefined ? `${line}${COMPLETE}\n` : `\n${line} @${tag}${COMPLETE}\n`)
    },
    close: () => closeSync(file),
  }
}

export function readJournal(path: string): Entry[] {
  const entries: Entry[] = []
  const numbers = new Map<string, number>()
  const numberOf = (writer: string): number => {
    if (!numbers.has(writer)) numbers.set(writer, numbers.size)
    return numbers.get(writer) ?? 0
  }
  let untagged = -1
  for (const [at, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (!line.endsWith(COMPLETE)) continue
    const [mark, id = '', ...words] = line.slice(0, -COMPLETE.length).split(' ')
    const tag = words.at(-1)?.startsWith('@') === true ? words.pop()?.slice(1) : undefined
    if (mark === 'P' && tag === undefined) untagged = numberOf(`line ${at}`)
    const process = tag === undefined ? untagged : numberOf(`@${tag}`)
    entries.push({ mark: mark as Mark, id, words, tag, process, at })
  }
  return entries
}
