import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bufferedObserver } from '../../../src/observers/buffer.ts'
import { consoleObserver } from '../../../src/observers/console.ts'
import { fileObserver } from '../../../src/observers/file.ts'
import { flightRecorder } from '../../../src/observers/flight-recorder.ts'
import { memoryObserver } from '../../../src/observers/memory.ts'
import type { Observer } from '../../../src/observers/observer.ts'
import { pinoObserver } from '../../../src/observers/pino.ts'
import { observerCases, type ObserverSetup } from '../../../src/testing/observer-cases.ts'

const subjects: Readonly<Record<string, ObserverSetup>> = {
  'consoleObserver for people': () => {
    const stream = textStream()
    return {
      observer: consoleObserver({ stream, format: 'human' }),
      text: stream.text,
      delivered: stream.lineCount,
    }
  },
  'consoleObserver in JSON': () => {
    const stream = textStream()
    return { observer: consoleObserver({ stream }), text: stream.text, delivered: stream.lineCount }
  },
  memoryObserver: () => {
    const observer = memoryObserver()
    return { observer, delivered: () => observer.events.length }
  },
  fileObserver: () => {
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-cases-'))
    const path = join(directory, 'tasks.log')
    const text = (): string => readFileSync(path, 'utf8')
    return {
      observer: fileObserver(path, { maxBytes: Infinity }),
      text,
      delivered: () => text().split('\n').length - 1,
      dispose: () => rmSync(directory, { recursive: true }),
    }
  },
  'bufferedObserver over a promise': () => {
    let delivered = 0
    const deliver = async (batch: readonly unknown[]): Promise<void> => {
      await Promise.resolve()
      delivered += batch.length
    }
    return { observer: bufferedObserver({ deliver }), delivered: () => delivered }
  },
  'bufferedObserver that answers at once': () => {
    let delivered = 0
    const deliver = (batch: readonly unknown[]): void => void (delivered += batch.length)
    return { observer: bufferedObserver({ deliver }), delivered: () => delivered }
  },
  'flightRecorder of an observer that asks for everything': () => {
    const inner = memoryObserver()
    return { observer: flightRecorder(inner), delivered: () => inner.events.length }
  },
  'flightRecorder of one that asks for warnings': () => ({
    observer: flightRecorder(memoryObserver({ minLevel: 'warning' })),
  }),
  'flightRecorder of one without counts': () => {
    let delivered = 0
    const observer = { minLevel: 'debug', onEvent: () => void delivered++ } as const
    return { observer: flightRecorder(observer), delivered: () => delivered }
  },
  pinoObserver: () => {
    const stream = textStream()
    return { observer: pinoObserver(pino({ level: 'debug' }, stream)), delivered: stream.lineCount }
  },
}

describe.each(Object.entries(subjects))('%s', (_name, setup) => {
  it.each(observerCases)('$name', ({ run }) => run(setup))
})

describe('the cases', () => {
  const broken: Readonly<Record<string, ObserverSetup>> = {
    'throws at one type': () => ({
      observer: {
        onEvent(event) {
          if (event.type === 'task.expired') throw new Error('no expiry please')
        },
      },
    }),
    'loses what is queued at close': () => ({ ...buffering(), delivered: () => 0 }),
    'counts an event twice': () => ({
      observer: { ...counting(2) },
    }),
    'writes what it is given': () => {
      const stream = textStream()
      return {
        observer: {
          onEvent: (event) => stream.write(`${'message' in event ? event.message : ''}\n`),
        },
        text: stream.text,
      }
    },
    'marks events': () => ({
      observer: {
        onEvent(event) {
          Reflect.set(event, 'seen', true)
        },
      },
    }),
    'keeps a listener on the process': () => {
      const listener = (): void => undefined
      return {
        observer: { onEvent: () => undefined, start: () => process.on('exit', listener) },
        dispose: () => process.off('exit', listener),
      }
    },
  }

  it.each(Object.entries(broken))('find an observer that %s', async (_name, setup) => {
    const failures: unknown[] = []
    for (const { run } of observerCases)
      await run(setup).catch((error: unknown) => failures.push(error))
    expect(failures.length).toBeGreaterThan(0)
  })
})

function textStream(): {
  readonly write: (text: string) => boolean
  readonly text: () => string
  readonly lineCount: () => number
} {
  let text = ''
  return {
    write(more) {
      text += more
      return true
    },
    text: () => text,
    lineCount: () => text.split('\n').length - 1,
  }
}

function counting(step: number): Observer {
  let delivered = 0
  return {
    onEvent() {
      delivered += step
    },
    counts: () => ({ delivered, dropped: 0, failed: 0, queued: 0 }),
  }
}

function buffering(): { observer: Observer } {
  return { observer: { onEvent: () => undefined, close: () => undefined } }
}
