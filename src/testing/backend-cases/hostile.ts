/** Promises about values that stores like to change: every one comes back as it went in. */

import type { LogPatch } from '../../backends/backend.ts'
import type { Json } from '../../task/json.ts'
import {
  A,
  endOf,
  equal,
  insertOne,
  keyedRecord,
  newRecord,
  NOW,
  type BackendCase,
} from './case.ts'

const TEXTS: readonly (readonly [what: string, text: string])[] = [
  ['NUL', 'a\0b'],
  ['a lone high surrogate', 'x\ud83d'],
  ['a lone low surrogate', '\ude00y'],
  ['an emoji', 'ok 👍🏽 done'],
  ['line and paragraph separators', '\u2028\u2029\u0085'],
  ['quotes and backslashes', `"'\\\`'; DROP TABLE tasks; --`],
  ['control characters', '\u0001\u001b[31m\r\n\t\u007f'],
  ['a byte order mark', '\ufeffx'],
  ['right to left', '\u202eabc'],
  ['__proto__', '__proto__'],
  ['the empty text', ''],
  ['a megabyte', 'ä'.repeat(1_000_000)],
]

const hostile: readonly BackendCase[] = TEXTS.map(([what, text]) => ({
  name: `${what} survives in input, tags, headers, context, logs, errors, results and reasons`,
  async run({ backend }) {
    await backend.open(A)
    // Tags have at most 256 characters.
    const tag = text.slice(0, 256)
    const spec = {
      inputJson: JSON.stringify({ text, [text]: 1 }),
      label: text,
      tags: { tag, [`key ${tag}`]: 'x' },
      headers: { header: text },
      context: fieldsOf(text),
      traceContext: { traceparent: text },
      options: { label: text },
    }
    const stored = await insertOne(backend, newRecord(A, spec))
    const { id } = stored.spec
    equal((await backend.get(id))?.spec, stored.spec, 'the spec')

    const { fence } = stored.state
    const line = {
      time: NOW,
      level: 'error',
      attempt: 0,
      message: text,
      extra: fieldsOf(text),
    } as const
    const logs = { id, position: stored.position, owner: A.executorId, fence, chunk: 0, dropped: 0 }
    await backend.append([{ ...logs, lines: [line] } satisfies LogPatch])
    equal((await backend.logs(id)).lines, [line], 'the line')

    const request = { reason: text, by: text }
    await backend.requestCancel(A, id, request)
    equal(await backend.beat(A), { type: 'ok', cancels: [{ id, ...request }] }, 'the cancel')

    const error = {
      name: text,
      message: text,
      stack: text,
      fields: fieldsOf(text),
      fingerprint: '0',
    }
    const end = endOf(stored, 'failed')
    const resultJson = JSON.stringify([text])
    const more = { error, resultError: error, resultJson, reason: text, cancelledBy: text }
    const state = { ...end.state, ...more }
    await backend.update([{ ...end, state }])
    equal((await backend.get(id))?.state, state, 'the state')
    equal((await backend.get(id))?.cancelRequest, request, 'the cancel request')

    const found = await backend.queries?.list({ tags: { tag }, limit: 10, order: 'newest' })
    if (found !== undefined)
      equal(
        found.records.map((each) => each.spec.id),
        [id],
        'found by its tag',
      )
  },
}))

export const hostileCases: readonly BackendCase[] = [
  ...hostile,
  {
    name: 'idempotency keys that differ only in odd characters are different keys',
    async run({ backend }) {
      await backend.open(A)
      const keys = ['a', 'a\0', 'a\0b', 'a\ud800', 'a\udbff', 'a\ufffd', 'A', 'a ', '__proto__']
      for (const key of keys) {
        const { spec } = await insertOne(backend, keyedRecord(A, key))
        equal((await backend.get(spec.id))?.spec.idempotencyKey, key, 'the key')
        const [again] = await backend.insert([keyedRecord(A, key)])
        equal(again, { type: 'existing', id: spec.id, sameInput: true }, 'the key again')
      }
    },
  },
  {
    name: 'infinite retries stay infinite, in the spec and in stored options',
    async run({ backend }) {
      await backend.open(A)
      const options = { retries: Infinity, backoff: { max: Infinity, delay: 5 } }
      const { spec } = await insertOne(backend, newRecord(A, { retries: Infinity, options }))
      equal((await backend.get(spec.id))?.spec, spec, 'the spec')
    },
  },
  {
    name: 'large and fractional numbers come back exactly',
    async run({ backend }) {
      await backend.open(A)
      const createdAt = 8_640_000_000_000_000
      const spec = { createdAt, expiresAt: Number.MAX_SAFE_INTEGER, priority: -1_000_000 }
      const stored = await insertOne(backend, newRecord(A, spec))
      equal((await backend.get(stored.spec.id))?.spec, stored.spec, 'the spec')
      const end = endOf(stored, 'succeeded', 1_700_000_000_000.25)
      const state = { ...end.state, durationMs: 1e21, waitMs: 0.1, dueAt: 9.1e15 }
      await backend.update([{ ...end, state }])
      equal((await backend.get(stored.spec.id))?.state, state, 'the state')
    },
  },
  {
    name: 'a large input outlives many updates, and goes with its record',
    async run({ backend }) {
      await backend.open(A)
      const inputJson = JSON.stringify('x'.repeat(3_000_000))
      const stored = await insertOne(backend, newRecord(A, { inputJson }))
      const { id } = stored.spec
      let state = stored.state
      for (let fence = 2; fence < 6; fence++) {
        const next = { ...state, fence }
        const patch = { ...endOf({ ...stored, state }), state: next, freesKey: false }
        equal(await backend.update([patch]), ['ok'], 'an update')
        state = next
      }
      equal((await backend.get(id))?.spec.inputJson, inputJson, 'the input')
      await backend.update([endOf({ ...stored, state }, 'succeeded', 1)])
      await backend.sweep({ endedBefore: 2, maxFinished: 9, limit: 9, now: 2 })
      equal(await backend.get(id), undefined, 'the removed record')
    },
  },
]

function fieldsOf(text: string): Readonly<Record<string, Json>> {
  // As JSON.parse makes it: an own property, also when it is called __proto__.
  return JSON.parse(`{${JSON.stringify(text)}:[${JSON.stringify(text)}]}`) as Record<string, Json>
}
