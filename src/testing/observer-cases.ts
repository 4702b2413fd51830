/**
 * What every observer must do, as data: loop over {@link observerCases} in any test runner.
 *
 * @example
 * for (const { name, run } of observerCases) test(name, () => run(() => ({ observer: pagerObserver(fakePager()) })))
 */

import assert from 'node:assert/strict'
import type { PlainsightEvent } from '../events/event.ts'
import type { Observer, ObserverCounts } from '../observers/observer.ts'
import { HOSTILE_TEXTS, sampleEventsWith } from './hostile-text.ts'
import { sampleEvents } from './sample-events.ts'

/** A fresh observer and what can be seen of it from outside. */
export interface ObserverSubject {
  /** Attached to a destination that works and is empty. */
  readonly observer: Observer
  /** How many events the destination has. Leave it out when that cannot be told. */
  readonly delivered?: () => number | Promise<number>
  /** All that was written, for an observer that writes one line per event. */
  readonly text?: () => string | Promise<string>
  /** Called after the case, passed or not. */
  readonly dispose?: () => unknown
}

/** Makes a fresh subject for each case. */
export type ObserverSetup = () => ObserverSubject | Promise<ObserverSubject>

/** One promise that an observer must keep. */
export interface ObserverCase {
  readonly name: string
  /** Rejects with an `AssertionError` when the observer breaks the promise. */
  readonly run: (setup: ObserverSetup) => Promise<void>
}

/** The promises. Each case makes its own subject, so they can run in any order. */
export const observerCases: readonly ObserverCase[] = [
  observerCase('takes an event of every type without throwing', async ({ observer, delivered }) => {
    const events = sampleEvents()
    await observer.start?.()
    hand(observer, events)
    await observer.flush?.()
    if (delivered !== undefined) assert.equal(await delivered(), received(observer, events))
  }),
  observerCase('takes an event of a type that it does not know', async ({ observer }) => {
    await observer.start?.()
    const [first] = sampleEvents()
    hand(observer, [{ ...first, type: 'task.invented' } as unknown as PlainsightEvent])
    await observer.flush?.()
  }),
  observerCase('has every event in one of its four counts, at all times', async ({ observer }) => {
    if (observer.counts === undefined) return
    await observer.start?.()
    let expected = 0
    for (let round = 0; round < 100; round++) {
      for (const event of sampleEvents()) {
        hand(observer, [event])
        expected += received(observer, [event])
        assert.equal(sum(observer.counts()), expected)
      }
    }
    await observer.flush?.()
    assert.equal(sum(observer.counts()), expected)
    await observer.close?.()
    assert.equal(sum(observer.counts()), expected)
  }),
  observerCase('has nothing queued after flush', async ({ observer, delivered }) => {
    await observer.start?.()
    const events = sampleEvents()
    hand(observer, events)
    await observer.flush?.()
    if (observer.counts !== undefined) {
      assert.deepEqual(observer.counts(), allDelivered(received(observer, events)))
    }
    if (delivered !== undefined) assert.equal(await delivered(), received(observer, events))
  }),
  observerCase('delivers on close what is queued', async ({ observer, delivered }) => {
    await observer.start?.()
    const events = sampleEvents()
    hand(observer, events)
    await observer.close?.()
    if (observer.counts !== undefined) {
      assert.deepEqual(observer.counts(), allDelivered(received(observer, events)))
    }
    if (delivered !== undefined) assert.equal(await delivered(), received(observer, events))
  }),
  observerCase(
    'flushes and closes twice, at once, and with nothing to do',
    async ({ observer, delivered }) => {
      await observer.flush?.()
      await observer.start?.()
      const events = sampleEvents()
      hand(observer, events)
      await Promise.all([observer.flush?.(), observer.flush?.()])
      await Promise.all([observer.close?.(), observer.close?.()])
      await observer.close?.()
      if (delivered !== undefined) assert.equal(await delivered(), received(observer, events))
    },
  ),
  observerCase('leaves events as they were', async ({ observer }) => {
    await observer.start?.()
    const frozen = sampleEvents()
    // Unfrozen copies too: on those a write would show, where on frozen ones it may fail unseen.
    const open = structuredClone(frozen)
    hand(observer, frozen)
    hand(observer, open)
    await observer.flush?.()
    await observer.close?.()
    assert.deepEqual(open, structuredClone(sampleEvents()))
  }),
  observerCase('survives whatever users write', async ({ observer }) => {
    await observer.start?.()
    let expected = 0
    for (const events of hostileEvents()) {
      hand(observer, events)
      expected += received(observer, events)
      await observer.flush?.()
    }
    if (observer.counts !== undefined) assert.equal(sum(observer.counts()), expected)
  }),
  observerCase(
    'writes one line per event, with nothing in it that does not show',
    async (subject) => {
      const { observer, text } = subject
      if (text === undefined) return
      await observer.start?.()
      let expected = 0
      for (const events of hostileEvents()) {
        hand(observer, events)
        expected += received(observer, events)
        await observer.flush?.()
      }
      const lines = (await text()).split('\n')
      assert.equal(lines.pop(), '', 'the last line has its newline')
      assert.equal(lines.length, expected)
      const hidden = lines.find((line) => HIDDEN.test(line))
      assert.equal(hidden && JSON.stringify(hidden.slice(0, 500)), undefined)
    },
  ),
  observerCase('leaves no listener on the process behind', async ({ observer }) => {
    const before = processListeners()
    await observer.start?.()
    hand(observer, sampleEvents())
    await observer.flush?.()
    await observer.close?.()
    assert.deepEqual(processListeners(), before)
  }),
]

// Controls, bidi, separators and zero width: a coloured line fails too, so colours are off for this one.
// oxlint-disable-next-line no-control-regex -- those are what it looks for
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

function observerCase(
  name: string,
  check: (subject: ObserverSubject) => Promise<void>,
): ObserverCase {
  return {
    name,
    async run(setup) {
      const subject = await setup()
      try {
        await check(subject)
      } finally {
        await subject.observer.close?.()
        await subject.dispose?.()
      }
    },
  }
}

function hostileEvents(): readonly (readonly PlainsightEvent[])[] {
  // A megabyte in every field of every event would only be slow.
  const long = sampleEventsWith('x'.repeat(1_048_576)).filter((event) => event.type === 'task.log')
  return [...HOSTILE_TEXTS.map((text) => sampleEventsWith(text)), long]
}

function hand(observer: Observer, events: readonly PlainsightEvent[]): void {
  for (const event of events) {
    observer.onEvent?.(event)
    if (event.type === 'task.log') observer.onLog?.(event)
    else observer.onLifecycle?.(event)
  }
}

/** How many of `events` an observer is given, by the methods it has. */
function received(observer: Observer, events: readonly PlainsightEvent[]): number {
  if (observer.onEvent !== undefined) return events.length
  return events.filter((event) =>
    event.type === 'task.log' ? observer.onLog !== undefined : observer.onLifecycle !== undefined,
  ).length
}

function sum(counts: ObserverCounts): number {
  return counts.delivered + counts.dropped + counts.failed + counts.queued
}

function allDelivered(count: number): ObserverCounts {
  return { delivered: count, dropped: 0, failed: 0, queued: 0 }
}

function processListeners(): readonly string[] {
  return process
    .eventNames()
    .map((name) => `${String(name)} ${process.listenerCount(name as string)}`)
    .toSorted()
}
