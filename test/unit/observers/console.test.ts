import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { consoleObserver, type ConsoleObserverOptions } from '../../../src/observers/console.ts'
import { sampleEventsWith } from '../../../src/testing/hostile-text.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

async function written(
  events: readonly PlainsightEvent[],
  options: ConsoleObserverOptions = {},
  isTTY = false,
): Promise<readonly string[]> {
  let text = ''
  const stream = { isTTY, write: (more: string): void => void (text += more) }
  const observer = consoleObserver({ stream, ...options })
  for (const event of events) observer.onEvent(event)
  await observer.close()
  return text.split('\n').slice(0, -1)
}

const log = sampleEvents().find((event) => event.type === 'task.log') as PlainsightEvent
const taskFailed = sampleEvents().find((event) => event.type === 'task.failed') as PlainsightEvent

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('consoleObserver', () => {
  it('writes JSON lines as pino does when the stream is no terminal', async () => {
    const parsed = (await written(sampleEvents())).map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    )
    expect(parsed.map((line) => line['type'])).toEqual(sampleEvents().map((event) => event.type))
    const line = parsed.find((each) => each['type'] === 'task.log') ?? {}
    expect(Object.keys(line).slice(0, 4)).toEqual(['level', 'time', 'pid', 'hostname'])
    expect(line).toMatchObject({
      level: 30,
      time: log.time,
      pid: process.pid,
      hostname: hostname(),
      type: 'task.log',
      taskName: 'charge-card',
      extra: { userId: 'u1' },
      err: { type: 'TypeError', message: 'card declined\nby the bank: code 51' },
      msg: 'Initiating payment',
    })
    const ours = ['message', 'error', 'warning', 'info']
    expect(Object.keys(line).filter((key) => ours.includes(key))).toEqual([])
  })

  it('writes for people on a terminal', async () => {
    vi.stubEnv('NO_COLOR', '')
    vi.stubEnv('TERM', 'xterm')
    const [line = ''] = await written([taskFailed], {}, true)
    expect(line).toContain('\u001b[31mERROR\u001b[0m')
    expect(line).toContain('TypeError: card declined')
  })

  it.each([{ NO_COLOR: '1' }, { NO_COLOR: '', TERM: 'dumb' }])(
    'has no colours with %o',
    async (env) => {
      for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
      const [line = ''] = await written([taskFailed], {}, true)
      expect(line).toContain('ERROR')
      expect(line).not.toContain('\u001b')
    },
  )

  it('has no colours in a pipe, and does what color says', async () => {
    const format = 'human'
    expect((await written([taskFailed], { format })).join()).not.toContain('\u001b')
    expect((await written([taskFailed], { format, color: true })).join()).toContain('\u001b[31m')
    expect((await written([taskFailed], { format, color: false }, true)).join()).not.toContain(
      '\u001b',
    )
  })

  it('colours nothing on behalf of users', async () => {
    const events = sampleEventsWith('\u001b[35mmagenta\u001b[0m')
    const text = (await written(events, { format: 'human', color: true })).join('\n')
    expect(text).not.toContain('\u001b[35m')
    expect(text).toContain('\\u001b[35mmagenta')
  })

  it('escapes in JSON what does not show, and changes no value by it', async () => {
    const text = 'DEL \u007f C1 \u009b2J bidi \u202e tag \u{e0041} é 😀'
    const events = sampleEventsWith(text).filter((event) => event.type === 'task.log')
    const [line = ''] = await written(events)
    expect(line).not.toMatch(/[\u007f-\u009f\u202e\u{e0041}]/u)
    expect(line).toContain('\\u009b2J')
    expect(line).toContain('é 😀')
    expect(JSON.parse(line)).toMatchObject({ msg: text })
  })

  it('writes to a file descriptor', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-console-'))
    const descriptor = openSync(join(directory, 'log'), 'a')
    try {
      const observer = consoleObserver({ stream: descriptor })
      for (const event of sampleEvents()) observer.onEvent(event)
      await observer.close()
      expect(readFileSync(join(directory, 'log'), 'utf8').split('\n').length - 1).toBe(
        sampleEvents().length,
      )
      closeSync(descriptor)
      observer.onEvent(log)
      await observer.close()
      expect(observer.counts()).toMatchObject({ delivered: sampleEvents().length, dropped: 1 })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('is an observer with its filter', () => {
    const types = ['task.failed'] as const
    const observer = consoleObserver({
      name: 'tty',
      minLevel: { default: 'warn' },
      types,
      lifecycle: false,
    })
    expect(observer).toMatchObject({
      name: 'tty',
      minLevel: { default: 'warn' },
      types,
      lifecycle: false,
    })
    expect(consoleObserver()).toMatchObject({ name: 'console', minLevel: 'info' })
  })

  it.each([
    [
      { stream: 'stdin' },
      'stream',
      '"stdout", "stderr", a file descriptor, or an object with write(text)',
    ],
    [{ stream: -1 }, 'stream', '"stdout"'],
    [{ stream: { write: 1 } }, 'stream', '"stdout"'],
    [{ format: 'pretty' }, 'format', '"auto", "human" or "json"'],
    [{ color: 'always' }, 'color', '"auto", true or false'],
    [{ maxQueued: 0 }, 'maxQueued', 'an integer from 1'],
    [{ minLevel: 'verbose' }, 'minLevel', '"debug", "info", "warning"'],
    [{ colour: true }, 'colour', 'left out: the options are name, minLevel'],
    ['stdout', 'options', 'an object'],
  ])('refuses %o', (options, option, expected) => {
    const make = (): unknown => consoleObserver(options as ConsoleObserverOptions)
    expect(make).toThrow(`consoleObserver: option "${option}" must be `)
    expect(make).toThrow(expected)
  })
})
