import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../../src/events/event.ts'
import { entryPacker, readEntry } from '../../../../src/observers/stream/entry.ts'
import { sampleEventsWith, HOSTILE_TEXTS } from '../../../../src/testing/hostile-text.ts'
import { logEvent, upTo } from '../../../support/stream-events.ts'

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Events that JSON cannot hold, or not as they are. */
const unwritable = (): PlainsightEvent[] => {
  const cyclic: Record<string, unknown> = { ...logEvent(1) }
  cyclic['extra'] = cyclic
  const thrower = {
    ...logEvent(2),
    get extra(): never {
      throw new Error('no')
    },
  }
  const proxy = new Proxy(logEvent(3), {
    has() {
      throw Object.create(null)
    },
  })
  const others = [{ ...logEvent(4), extra: { big: 1n } }, { toJSON: () => undefined }, null, 7, 'x']
  return [cyclic, thrower, proxy, ...others] as unknown as PlainsightEvent[]
}

describe('entryPacker', () => {
  it('numbers events from 1 on, up to 50 an entry, at most 1 MiB or so a call', () => {
    const packer = entryPacker('w', 500)
    const events = upTo(120).map((seq) => logEvent(seq))
    const call = packer.pack(events, 0, 0, () => {})
    expect(call).toMatchObject({ events: 120, left: 0, last: 120 })
    const read = call.entries.map(({ text }) => readEntry(text))
    expect(read).toEqual([
      { kind: 'events', writer: 'w', first: 1, last: 50, events: json(events.slice(0, 50)) },
      { kind: 'events', writer: 'w', first: 51, last: 100, events: json(events.slice(50, 100)) },
      { kind: 'events', writer: 'w', first: 101, last: 120, events: json(events.slice(100)) },
    ])
    const large = upTo(100).map((seq) => logEvent(seq, { message: 'x'.repeat(100_000) }))
    const first = packer.pack(large, 0, 0, () => {})
    expect(first.events).toBe(50)
    expect(first.entries.every(({ text }) => text.length < 300_000)).toBe(true)
    expect(packer.pack(large, 50, 0, () => {})).toMatchObject({ events: 50, last: 220 })
  })

  it('gives numbers to what is missing, before what comes', () => {
    const packer = entryPacker('w', 500)
    const { entries, last } = packer.pack([logEvent(1)], 0, 7, () => {})
    expect(last).toBe(8)
    expect(entries.map(({ text }) => readEntry(text))).toMatchObject([
      { kind: 'gap', first: 1, last: 7, reason: 'dropped' },
      { kind: 'events', first: 8, last: 8 },
    ])
  })

  it('leaves out what cannot be written, and nothing beside it', () => {
    const bad = unwritable()
    const events = bad.flatMap((event, index) => [logEvent(100 + index), event])
    const reports: Error[] = []
    const call = entryPacker('w', 500).pack(events, 0, 0, (error) => reports.push(error))
    expect(call).toMatchObject({ events: events.length, left: bad.length, last: events.length })
    expect(reports).toHaveLength(bad.length)
    const read = call.entries.map(({ text }) => readEntry(text))
    const seqs = read.flatMap((entry) => (entry.kind === 'events' ? entry.events : []))
    expect(seqs).toEqual(json(bad.map((_, index) => logEvent(100 + index))))
    const gaps = read.filter((entry) => entry.kind === 'gap')
    expect(gaps.map(({ reason }) => reason)).toEqual(bad.map(() => 'not_serializable'))
  })

  it('leaves out an event that is too large, and says so', () => {
    const huge = logEvent(1, { message: 'x'.repeat(17_000_000) })
    const reports: Error[] = []
    const call = entryPacker('w', 500).pack([huge, logEvent(2)], 0, 0, (error) =>
      reports.push(error),
    )
    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^an event task\.log of 170\d+ characters was left out: 16777216 is/),
    ])
    expect(call.entries.map(({ text }) => readEntry(text).kind)).toEqual(['gap', 'events'])
  })

  it.each(HOSTILE_TEXTS.map((text) => [JSON.stringify(text).slice(0, 40), text]))(
    'gives back whatever users write: %s',
    (_title, text) => {
      const events = sampleEventsWith(text)
      const { entries } = entryPacker('w', 500).pack(events, 0, 0, () => {})
      const read = entries.flatMap((entry) => {
        const parsed = readEntry(entry.text)
        return parsed.kind === 'events' ? parsed.events : []
      })
      expect(read).toEqual(json(events))
    },
  )
})
