/** What a child of this suite has said, by its first words, and what it answers. */

import { waitFor } from '../../../src/testing/wait-for.ts'
import type { Child } from '../../support/child.ts'

export interface Talk {
  /** The lines that begin with this word, without it. */
  said(word: string): string[][]
  /** Says the word, and waits for the JSON that follows it. Rejects when the child ends without. */
  ask<T>(word: string): Promise<T>
  /** Tells it to close, and waits until it has ended; rejects when it ended badly, or said a word on stderr. */
  close(): Promise<void>
}

const ANSWER_MS = 20_000

export function talkTo(child: Child): Talk {
  const said = (word: string): string[][] =>
    child.lines
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1).split(' '))
  return {
    said,
    async ask(word) {
      const before = said(word).length
      child.write(word)
      const gone = child.ended.then(({ code, signal, stderr }) => {
        throw new Error(`it ended (code ${code}, signal ${signal}): ${stderr}`)
      })
      const answer = waitFor(() => said(word)[before], { timeout: ANSWER_MS, what: word })
      return JSON.parse((await Promise.race([answer, gone])).join(' ')) as never
    },
    async close() {
      child.write('close')
      const { code, signal, stderr } = await child.ended
      if (code === 0 && stderr === '') return
      throw new Error(`it ended badly (code ${code}, signal ${signal}): ${stderr}`)
    },
  }
}
