import { type Logger, type LoggerOptions, pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { consoleObserver } from '../../../src/observers/console.ts'
import { type PinoLike, pinoObserver } from '../../../src/observers/pino.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

type Line = Record<string, unknown>

function logger(options: LoggerOptions = {}): { lines: Line[]; logger: Logger } {
  const lines: Line[] = []
  const stream = { write: (line: string): void => void lines.push(JSON.parse(line) as Line) }
  return { lines, logger: pino({ level: 'debug', ...options }, stream) }
}

function linesOf(events: readonly PlainsightEvent[], options?: LoggerOptions): Line[] {
  const target = logger(options)
  const observer = pinoObserver(target.logger)
  for (const event of events) observer.onEvent(event)
  return target.lines
}

const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent

describe('pinoObserver', () => {
  it('writes the very lines that consoleObserver writes, but for the time', async () => {
    const ours: Line[] = []
    const stream = {
      write: (text: string): void => {
        for (const line of text.trimEnd().split('\n')) ours.push(JSON.parse(line) as Line)
      },
    }
    const observer = consoleObserver({ stream })
    for (const event of sampleEvents()) observer.onEvent(event)
    await observer.close()
    const theirs = linesOf(sampleEvents())
    const untimed = ({ time: _time, ...rest }: Line): string => JSON.stringify(rest)
    expect(theirs.map(untimed)).toEqual(ours.map(untimed))
  })

  it('gives levels their pino numbers', () => {
    const levels = linesOf(sampleEvents()).map((line) => line['level'])
    const numbers = { debug: 20, info: 30, warning: 40, error: 50 }
    expect(levels).toEqual(sampleEvents().map((event) => numbers[event.level]))
  })

  it('puts an error under err, in the shape of pino', () => {
    const [line] = linesOf([log])
    expect(line?.['err']).toMatchObject({
      type: 'TypeError',
      message: 'card declined\nby the bank: code 51',
      stack: expect.stringMatching(
        /^TypeError: card declined[^]*caused by: Error: code 51/,
      ) as string,
    })
    expect(line).not.toHaveProperty('error')
  })

  it('lets redaction reach into extra and context, and changes no event by it', () => {
    const before = JSON.stringify(log)
    const redact = ['extra.userId', 'context.user.id', 'tags.plan', 'err.stack']
    const [line] = linesOf([log], { redact })
    expect(line).toMatchObject({
      extra: { userId: '[Redacted]', amount: 9 },
      context: { user: { id: '[Redacted]' } },
      tags: { plan: '[Redacted]', region: 'eu' },
      err: { type: 'TypeError', stack: '[Redacted]' },
    })
    expect(JSON.stringify(log)).toBe(before)
  })

  it('hands out no object of the event, so that loggers which change in place can', () => {
    const seen: Record<string, unknown>[] = []
    const take = (fields: object): void => void seen.push(fields as Record<string, unknown>)
    const target: PinoLike = { debug: take, info: take, warn: take, error: take }
    pinoObserver(target).onEvent(log)
    const extra = seen[0]?.['extra'] as { nested: { list: unknown[] } }
    extra.nested.list.push('more')
    expect(extra.nested.list).toEqual([1, 'two', null, 'more'])
  })

  it('builds nothing for a level that the logger does not write', () => {
    const target = logger({ level: 'error' })
    const observer = pinoObserver(target.logger)
    let reads = 0
    const event = new Proxy(log, {
      get(each, key) {
        if (key === 'seq') reads++
        return Reflect.get(each, key) as unknown
      },
    })
    observer.onEvent(event)
    expect(reads).toBe(0)
    target.logger.level = 'info'
    observer.onEvent(event)
    observer.onEvent(event)
    expect(reads).toBe(2)
    target.logger.level = 'error'
    observer.onEvent(event)
    expect(reads).toBe(2)
    target.logger.level = 'debug'
    observer.onEvent(event)
    expect(target.lines).toHaveLength(3)
    expect(observer.counts()).toEqual({ delivered: 5, dropped: 0, failed: 0, queued: 0 })
  })

  it('counts what a logger throws at, and says so to the executor', () => {
    const broken = (): void => {
      throw new Error('disk full')
    }
    const observer = pinoObserver({ debug: broken, info: broken, warn: broken, error: broken })
    expect(() => observer.onEvent(log)).toThrow('disk full')
    expect(observer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 1, queued: 0 })
  })

  it('refuses a logger without a method, naming it, and options it does not have', () => {
    const log4 = (): void => undefined
    expect(() =>
      pinoObserver({ debug: log4, info: log4, error: log4 } as unknown as PinoLike),
    ).toThrow(
      'pinoObserver: option "logger" must be a pino logger, with a method warn(); got an object',
    )
    expect(() => pinoObserver(undefined as unknown as PinoLike)).toThrow('got undefined')
    expect(() => pinoObserver(logger().logger, { level: 'info' } as object)).toThrow(
      'option "level" must be left out',
    )
  })
})
