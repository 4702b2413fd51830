/** What each of the Python programs prints at its end: one line of JSON. */

export interface Answer {
  /** Different tasks whose bodies have run. */
  readonly tasks: number
  readonly seconds: number
  /** Of the inputs of those tasks. */
  readonly sum: number
  /** Log lines that were kept. */
  readonly lines: number
}

export function answerOf(output: string): Answer {
  const line = output.trim().split('\n').at(-1) ?? ''
  const fail = (): never => {
    throw new Error(`expected one line of JSON with tasks, seconds, sum and lines, got: ${line}`)
  }
  const parsed: unknown = line.startsWith('{') ? JSON.parse(line) : fail()
  const { tasks, seconds, sum, lines } = parsed as Partial<Record<keyof Answer, unknown>>
  const numbers = [tasks, seconds, sum, lines]
  if (!numbers.every((value) => typeof value === 'number' && Number.isFinite(value))) fail()
  return parsed as Answer
}
