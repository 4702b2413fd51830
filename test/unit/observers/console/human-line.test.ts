import { describe, expect, it } from 'vitest'
import type { PlainsightEvent } from '../../../../src/events/event.ts'
import { humanLines } from '../../../../src/observers/console/human-line.ts'
import { sampleEvents } from '../../../../src/testing/sample-events.ts'

const line = humanLines({ color: false })

function sample(type: string, fields: object = {}): PlainsightEvent {
  return { ...sampleEvents().find((event) => event.type === type), ...fields } as PlainsightEvent
}

/** Without the time, which is local. */
const afterTime = (event: PlainsightEvent): string => line(event).slice('HH:MM:SS.mmm '.length)

describe('humanLines', () => {
  it('begins with the local time, to the millisecond', () => {
    const date = new Date(2026, 4, 6, 7, 8, 9, 12)
    expect(line(sample('queue.resumed', { time: date.getTime() }))).toMatch(/^07:08:09\.012 /)
    expect(line(sample('queue.resumed', { time: date.getTime() + 990 }))).toMatch(/^07:08:10\.002 /)
    expect(line(sample('queue.resumed', { time: date.getTime() }))).toMatch(/^07:08:09\.012 /)
  })

  it('says which task, and what happened to it', () => {
    expect(afterTime(sample('task.succeeded', { resultError: undefined, label: undefined }))).toBe(
      'INFO  charge-card #ee5f0c1a succeeded in 1.2s (20s in all) [plan=pro region=eu]\n',
    )
  })

  it('sets a log line apart from what the library says, with its extra as key=value', () => {
    const extra = {
      userId: 'u1',
      amount: 9,
      note: 'two words',
      list: [1, 'a'],
      ok: true,
      none: null,
    }
    expect(afterTime(sample('task.log', { extra, error: undefined, tags: {} }))).toBe(
      'INFO  charge u1 #ee5f0c1a: Initiating payment userId=u1 amount=9 note="two words" list=[1,"a"] ok=true none=null\n',
    )
  })

  it('shows three tags and counts the rest', () => {
    const tags = { a: '1', b: '2', c: 'x y', d: '4', e: '5' }
    expect(afterTime(sample('attempt.overrun', { tags }))).toContain(' [a=1 b=2 c="x y" +2]\n')
  })

  it('shows a short id whole', () => {
    expect(afterTime(sample('attempt.overrun', { taskId: 'invoice-42' }))).toContain(
      ' #invoice-42 ',
    )
  })

  it('bounds what one line can be', () => {
    const event = sample('task.log', {
      message: 'x'.repeat(1e6),
      extra: { y: 'y'.repeat(1e6) },
      tags: {},
    })
    expect(line(event).length).toBeLessThan(10_000)
  })
})
