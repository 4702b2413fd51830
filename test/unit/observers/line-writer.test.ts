import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../src/events/event.ts'
import { GONE, type LineSink, lineSink } from '../../../src/observers/line-sink.ts'
import { type LineWriter, lineWriter } from '../../../src/observers/line-writer.ts'
import { sampleEvents } from '../../../src/testing/sample-events.ts'

const [debugEvent] = sampleEvents() as [PlainsightEvent]
const warning = sampleEvents().find((event) => event.level === 'warning') as PlainsightEvent

/** A sink that takes what `takes` says, in bytes, and remembers it. */
function fakeSink(
  takes: (chunk: Buffer, last: boolean) => number,
): LineSink & { text: string; writes: number } {
  const sink = {
    isTty: false,
    text: '',
    writes: 0,
    write(chunk: Buffer, last: boolean): number {
      sink.writes++
      const taken = Math.min(chunk.length, takes(chunk, last))
      if (taken > 0) sink.text += chunk.toString('latin1', 0, taken)
      return taken
    },
  }
  return sink
}

function numbered(sink: LineSink, maxQueued = 10_000): LineWriter {
  let count = 0
  return lineWriter({ sink, maxQueued, format: () => `line ${count++}\n` })
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `line ${index}\n`).join('')

describe('lineWriter', () => {
  it('writes the lines of one turn at once, in order', async () => {
    const sink = fakeSink((chunk) => chunk.length)
    const writer = numbered(sink)
    for (let count = 0; count < 100; count++) writer.onEvent(debugEvent)
    expect(writer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 0, queued: 100 })
    await turn()
    expect(sink).toMatchObject({ text: lines(100), writes: 1 })
    expect(writer.counts()).toEqual({ delivered: 100, dropped: 0, failed: 0, queued: 0 })
    await writer.close()
  })

  it('writes a warning at once, with what came before it', async () => {
    const sink = fakeSink((chunk) => chunk.length)
    const writer = numbered(sink)
    writer.onEvent(debugEvent)
    writer.onEvent(warning)
    expect(sink.text).toBe(lines(2))
    await writer.close()
  })

  it('does not let a turn grow beyond 64 KiB of text', async () => {
    const sink = fakeSink((chunk) => chunk.length)
    const writer = lineWriter({ sink, maxQueued: 10_000, format: () => `${'x'.repeat(999)}\n` })
    for (let count = 0; count < 1_000; count++) writer.onEvent(debugEvent)
    expect(writer.counts().queued).toBeLessThan(66)
    await writer.close()
    expect(sink.text.length).toBe(1_000_000)
  })

  it('counts whole lines when a write is cut short, and goes on where it stopped', async () => {
    const pieces = [10, 3, 0, 1, 4, 0, 0, 7]
    const sink = fakeSink((chunk) => pieces.shift() ?? chunk.length)
    const writer = numbered(sink)
    for (let count = 0; count < 10; count++) writer.onEvent(debugEvent)
    await turn()
    expect(writer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 0, queued: 9 })
    await writer.flush()
    expect(sink.text).toBe(lines(10))
    expect(writer.counts()).toEqual({ delivered: 10, dropped: 0, failed: 0, queued: 0 })
    await writer.close()
  })

  it('drops the newest beyond maxQueued while the sink is busy, and only then', async () => {
    let isBusy = true
    const sink = fakeSink((chunk) => (isBusy ? 0 : chunk.length))
    const writer = numbered(sink, 5)
    for (let count = 0; count < 12; count++) writer.onEvent(debugEvent)
    expect(writer.counts()).toEqual({ delivered: 0, dropped: 7, failed: 0, queued: 5 })
    isBusy = false
    await writer.flush()
    expect(sink.text).toBe(lines(5))
    for (let count = 0; count < 12; count++) writer.onEvent(debugEvent)
    await writer.close()
    expect(writer.counts()).toEqual({ delivered: 17, dropped: 7, failed: 0, queued: 0 })
  })

  it('does not try a busy sink for each line', async () => {
    let answer = 0
    const sink = fakeSink(() => answer)
    const writer = numbered(sink)
    for (let count = 0; count < 1_000; count++) writer.onEvent(warning)
    expect(sink.writes).toBe(1)
    expect(writer.counts().queued).toBe(1_000)
    answer = GONE
    await writer.flush()
    expect(writer.counts()).toEqual({ delivered: 0, dropped: 1_000, failed: 0, queued: 0 })
  })

  it('drops everything once the other side is gone', async () => {
    const sink = fakeSink(() => GONE)
    const writer = numbered(sink)
    writer.onEvent(debugEvent)
    await turn()
    writer.onEvent(warning)
    writer.onEvent(debugEvent)
    expect(writer.counts()).toEqual({ delivered: 0, dropped: 3, failed: 0, queued: 0 })
    expect(sink.writes).toBe(1)
    await writer.close()
  })

  it('counts what a throwing sink was given as failed, and goes on', async () => {
    let isBroken = true
    const stream = {
      text: '',
      write(text: string): void {
        if (isBroken) throw new Error('not now')
        this.text += text
      },
    }
    const writer = numbered(lineSink(stream, ''))
    writer.onEvent(debugEvent)
    writer.onEvent(warning)
    isBroken = false
    writer.onEvent(warning)
    expect(stream.text).toBe('line 2\n')
    expect(writer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 2, queued: 0 })
    await writer.close()
  })

  it('counts an event whose line cannot be made as failed', async () => {
    const writer = lineWriter({
      sink: fakeSink((chunk) => chunk.length),
      maxQueued: 10,
      format: () => {
        throw new Error('no words')
      },
    })
    writer.onEvent(debugEvent)
    expect(writer.counts()).toEqual({ delivered: 0, dropped: 0, failed: 1, queued: 0 })
    await writer.close()
  })

  it('waits for the drain of a stream that answered false', async () => {
    const texts: string[] = []
    let onDrain: (() => void) | undefined
    const stream = {
      write(text: string): boolean {
        texts.push(text)
        return onDrain !== undefined
      },
      once(_event: 'drain', listener: () => void): void {
        onDrain = listener
      },
    }
    const writer = numbered(lineSink(stream, ''))
    writer.onEvent(warning)
    writer.onEvent(warning)
    expect(texts).toEqual(['line 0\n'])
    expect(writer.counts()).toEqual({ delivered: 1, dropped: 0, failed: 0, queued: 1 })
    onDrain?.()
    await writer.flush()
    expect(texts).toEqual(['line 0\n', 'line 1\n'])
    await writer.close()
  })

  it('takes an event that its own sink causes, in the next turn', async () => {
    const texts: string[] = []
    let depth = 0
    const writer: LineWriter = numbered(
      lineSink(
        {
          write(text: string): void {
            texts.push(text)
            if (depth++ < 5) writer.onEvent(warning)
          },
        },
        '',
      ),
    )
    writer.onEvent(warning)
    await writer.flush()
    expect(texts.join('')).toBe(lines(6))
    await writer.close()
  })

  it('gives up waiting after 2 s, keeps what waits, and lets the exit hook go when it is out', async () => {
    const before = process.listenerCount('exit')
    let isBusy = true
    const sink = fakeSink((chunk) => (isBusy ? 0 : chunk.length))
    const writer = numbered(sink)
    writer.onEvent(debugEvent)
    await writer.close()
    expect(writer.counts().queued).toBe(1)
    expect(process.listenerCount('exit')).toBe(before + 1)
    isBusy = false
    await writer.flush()
    expect(process.listenerCount('exit')).toBe(before)
  })

  it('shares one exit listener among all writers, and has none before the first line', async () => {
    const before = process.listenerCount('exit')
    const writers = Array.from({ length: 20 }, () => numbered(fakeSink((chunk) => chunk.length)))
    expect(process.listenerCount('exit')).toBe(before)
    for (const writer of writers) writer.onEvent(debugEvent)
    expect(process.listenerCount('exit')).toBe(before + 1)
    for (const writer of writers) await writer.close()
    expect(process.listenerCount('exit')).toBe(before)
  })
})
