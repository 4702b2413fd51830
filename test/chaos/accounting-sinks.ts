/** The other side of observers: sinks that work, throw, hang, or are slow, and know what they have confirmed. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { consoleObserver } from '../../src/console.ts'
import { fileObserver } from '../../src/file.ts'
import {
  bufferedObserver,
  flightRecorder,
  UnrecoverableError,
  type Observer,
  type PlainsightEvent,
} from '../../src/index.ts'
import type { Random } from '../support/random.ts'

export interface Sink {
  readonly observer: Observer
  /** What has been handed out to the observer. */
  received(): number
  /** What its counters have to say once it is closed, as far as this side can know it. */
  truth(): { readonly delivered: number; readonly failed?: number; readonly dropped?: number }
  /** What cannot be, as this side saw it. */
  readonly breaches: readonly string[]
  /** Frees what it used, when all is counted. */
  dispose?(): void
}

export const SINKS: Readonly<Record<string, (random: Random, name: string) => Sink>> = {
  steady(_random, name) {
    let received = 0
    const observer: Observer = { name, minLevel: 'debug', onEvent: () => void received++ }
    const truth = () => ({ delivered: received, failed: 0, dropped: 0 })
    return { observer, received: () => received, truth, breaches: [] }
  },

  throwing(random, name) {
    let received = 0
    let thrown = 0
    const observer: Observer = {
      name,
      onEvent() {
        received += 1
        if (random() > 0.3) return
        thrown += 1
        throw new Error('it throws')
      },
    }
    const truth = () => ({ delivered: received - thrown, failed: thrown, dropped: 0 })
    return { observer, received: () => received, truth, breaches: [] }
  },

  /** Answers with promises: of which some reject, and some never settle. */
  promising(random, name) {
    let received = 0
    let settled = 0
    let rejected = 0
    const observer: Observer = {
      name,
      minLevel: 'debug',
      onEvent() {
        received += 1
        const luck = random()
        if (luck < 0.1) return new Promise(() => {})
        return new Promise<void>((resolve, reject) => {
          const end = (): void => {
            if (luck < 0.4) {
              rejected += 1
              reject(new Error('it rejects'))
            } else {
              settled += 1
              resolve()
            }
          }
          if (luck < 0.7) queueMicrotask(end)
          else setTimeout(end, random.below(10))
        })
      },
    }
    const truth = () => ({ delivered: settled, failed: rejected, dropped: 0 })
    return { observer, received: () => received, truth, breaches: [] }
  },

  buffered: (random, name) => buffered(random, name, Infinity),
  'giving up': (random, name) => buffered(random, name, 1),

  /** A file that is rotated all the time. */
  file(_random, name) {
    let received = 0
    const directory = mkdtempSync(join(tmpdir(), 'plainsight-accounting-'))
    const writer = fileObserver(join(directory, 'log'), {
      name,
      minLevel: 'debug',
      maxBytes: 20_000,
      keep: 10_000,
    })
    const observer: Observer = {
      ...writer,
      onEvent(event) {
        received += 1
        writer.onEvent(event)
      },
    }
    return {
      observer,
      received: () => received,
      truth: () => ({ delivered: linesIn(directory), failed: 0, dropped: 0 }),
      breaches: [],
      dispose: () => rmSync(directory, { recursive: true, force: true }),
    }
  },

  /** Holds back the detail of attempts, in little room. */
  'flight recorder'(random, name) {
    let received = 0
    const handed = new Set<number>()
    const breaches: string[] = []
    const inner: Observer = {
      name,
      minLevel: 'warning',
      onEvent({ seq }) {
        if (handed.has(seq)) breaches.push(`event ${seq} was handed on twice`)
        handed.add(seq)
      },
    }
    const recorder = flightRecorder(inner, {
      maxAttempts: random.pick([2, 100]),
      maxEventsPerAttempt: random.pick([3, 100]),
    })
    const observer: Observer = {
      ...recorder,
      onEvent(event) {
        received += 1
        recorder.onEvent(event)
      },
    }
    const truth = () => ({ delivered: handed.size + recorder.discarded, failed: 0 })
    return { observer, received: () => received, truth, breaches }
  },

  /** A console whose reader lags, and whose stream throws. */
  console(random, name) {
    let received = 0
    let lines = 0
    const breaches: string[] = []
    let drain: (() => void) | undefined
    const writer = consoleObserver({
      name,
      minLevel: 'debug',
      maxQueued: 50,
      stream: {
        write(text: string) {
          const luck = random()
          if (luck < 0.1) throw new Error('it is refused')
          lines += text.split('\n').length - 1
          if (!text.endsWith('\n')) breaches.push('a line is cut')
          if (luck > 0.4) return true
          setTimeout(() => drain?.(), random.below(60))
          return false
        },
        once(_event: 'drain', listener: () => void) {
          drain = listener
        },
      },
    })
    const observer: Observer = {
      ...writer,
      onEvent(event) {
        received += 1
        writer.onEvent(event)
      },
    }
    return { observer, received: () => received, truth: () => ({ delivered: lines }), breaches }
  },
}

function linesIn(directory: string): number {
  const texts = readdirSync(directory).map((each) => readFileSync(join(directory, each), 'utf8'))
  return texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0)
}

type Weather = 'fine' | 'slow' | 'rejecting' | 'throwing' | 'hanging' | 'partial' | 'refusing'
const WEATHERS: readonly Weather[] = [
  'fine',
  'fine',
  'slow',
  'rejecting',
  'throwing',
  'hanging',
  'partial',
  'refusing',
]

/** A buffering observer whose other side has weather: each lasts for some batches. */
function buffered(random: Random, name: string, limit: number): Sink {
  let received = 0
  const confirmed = new Set<number>()
  const breaches: string[] = []
  let weather: Weather = 'fine'
  let batchesLeft = 3
  const confirm = (batch: readonly PlainsightEvent[]): void => {
    for (const { seq } of batch) {
      if (confirmed.has(seq)) breaches.push(`event ${seq} was sent again after it was confirmed`)
      confirmed.add(seq)
    }
  }
  const maxQueue = random.pick([1, 20, 200])
  const inner = bufferedObserver({
    name,
    minLevel: 'debug',
    maxQueue,
    batchSize: 1 + random.below(Math.min(50, maxQueue)),
    deadline: 40,
    retry: { delay: 1, max: 15, limit },
    deliver(batch, { signal }) {
      batchesLeft -= 1
      if (batchesLeft <= 0) {
        weather = random.pick(WEATHERS)
        batchesLeft = 1 + random.below(6)
      }
      switch (weather) {
        case 'throwing':
          throw new Error('the other side is away')
        case 'rejecting':
          return Promise.reject(new Error('the other side is away'))
        case 'refusing':
          throw new UnrecoverableError('the other side refuses')
        case 'hanging':
          return new Promise(() => {})
        case 'partial': {
          const through = random.below(batch.length + 1)
          confirm(batch.slice(0, through))
          return through
        }
        case 'slow':
          return new Promise<void>((resolve) => {
            setTimeout(() => {
              // After the deadline nobody counts on it.
              if (!signal.aborted) confirm(batch)
              resolve()
            }, random.below(50))
          })
        default:
          confirm(batch)
          return undefined
      }
    },
  })
  const observer: Observer = {
    ...inner,
    onEvent(event) {
      received += 1
      inner.onEvent(event)
    },
  }
  const truth = () => ({ delivered: confirmed.size })
  return { observer, received: () => received, truth, breaches }
}
