/** What can be wrong with a Redis, or with how it is addressed: it is said in clear words, and work goes on when it is mended. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../../../src/testing/wait-for.ts'
import type { Case, CaseReport } from '../suite.ts'
import { startLife, type Life } from './life.ts'
import { backAfter } from './many-outages.ts'
import { KEPT, openPlace, OUTAGES, type Place } from './outages.ts'

interface Trouble {
  readonly name: string
  /** What somebody has to be told: an enqueue or a start by its reason, an observer or a reader by its words. */
  readonly tells: readonly RegExp[]
  /** Of the URL, when that is wrong. */
  readonly url?: (place: Place) => string
  /** Before the process starts. */
  readonly prepare?: (place: Place) => Promise<unknown>
  readonly strike?: (place: Place) => Promise<unknown>
  /** Absent: nothing but another URL helps. */
  readonly heal?: (place: Place) => Promise<unknown>
}

const TROUBLE_MS = 2_500
const BACK_MS = 5_000

const ofOutage = (name: string): Pick<Trouble, 'strike' | 'heal'> => {
  const outage = OUTAGES.find((each) => each.name === name)
  if (outage === undefined) throw new Error(`no outage "${name}"`)
  return { strike: outage.strike, heal: outage.heal ?? (() => Promise.resolve()) }
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'a wrong password',
    tells: [/^start: BACKEND_UNAVAILABLE access_denied .*WRONGPASS/],
    url: ({ proxy }) => `redis://app:wrong@127.0.0.1:${proxy.port}`,
    prepare: ({ command }) => command('ACL', 'SETUSER', 'app', 'on', '>right', '~*', '&*', '+@all'),
    // Somebody makes it the right one.
    heal: ({ command }) => command('ACL', 'SETUSER', 'app', '>wrong'),
  },
  {
    name: 'TLS to a plain port',
    tells: [/^start: BACKEND_UNAVAILABLE unreachable .*TLS/],
    url: ({ proxy }) => `rediss://127.0.0.1:${proxy.port}`,
  },
  {
    name: 'a stream key of another type',
    tells: [/^observer stream: .*WRONGTYPE/],
    strike: async ({ command }) => {
      await command('DEL', 'events')
      await command('SET', 'events', 'a string')
    },
    heal: ({ command }) => command('DEL', 'events'),
  },
  {
    name: 'an entry that someone else wrote',
    tells: [/^reader: .*foreign.*not_ours/],
    strike: async ({ command }) => {
      await command('XADD', 'events', '*', 'their', 'entry')
      await command('XADD', 'events', '*', 'e', '{"v":1}')
    },
    heal: () => Promise.resolve(),
  },
  { name: 'NOSCRIPT', tells: [], ...ofOutage('SCRIPT FLUSH') },
  {
    name: 'OOM',
    tells: [/^enqueue: BACKEND_UNAVAILABLE full .*OOM/, /^observer stream: .*OOM/],
    ...ofOutage('OOM'),
  },
  {
    name: 'READONLY',
    tells: [/^enqueue: BACKEND_UNAVAILABLE read_only .*READONLY/, /^observer stream: .*READONLY/],
    ...ofOutage('READONLY'),
  },
  {
    name: 'NOPERM',
    tells: [
      /^enqueue: BACKEND_UNAVAILABLE access_denied .*can't run/,
      /^observer stream: .*can't run/,
    ],
    ...ofOutage('NOPERM'),
  },
  {
    name: 'LOADING',
    tells: [/^enqueue: BACKEND_UNAVAILABLE busy .*loading/],
    ...ofOutage('LOADING'),
  },
  {
    name: 'FLUSHALL while running',
    tells: [],
    strike: ({ command }) => command('FLUSHALL'),
    heal: () => Promise.resolve(),
  },
]

export function badInput(): readonly Case[] {
  return TROUBLES.map((trouble) => ({
    name: `said: ${trouble.name}`,
    run: () => oneTrouble(trouble),
  }))
}

async function oneTrouble(trouble: Trouble): Promise<CaseReport> {
  const { tells, prepare, strike, heal } = trouble
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-trouble-'))
  const place = await openPlace(KEPT)
  let life: Life | undefined
  try {
    await prepare?.(place)
    life = await startLife(
      {
        url: trouble.url?.(place) ?? place.url,
        stream: 'events',
        journal: join(directory, 'journal'),
        records: 'redis',
        reads: true,
        everyMs: 50,
        workMs: 5,
        lines: 1,
      },
      strike !== undefined,
    )
    if (strike === undefined) {
      await waitFor(() => life?.said('unopened').length, { timeout: '15s', what: 'a refusal' })
    } else {
      await backAfter(life, Date.now())
      await strike(place)
      await sleep(TROUBLE_MS)
    }
    await heal?.(place)
    const healedAt = Date.now()
    const { ranMs, readMs } =
      heal === undefined ? { ranMs: 0, readMs: 0 } : await backAfter(life, healedAt)
    const words = toldBy(life)
    const breaches = [
      ...tells.flatMap((pattern) =>
        words.some((word) => pattern.test(word)) ? [] : [`nobody was told ${String(pattern)}`],
      ),
      ...(Math.max(ranMs, readMs) <= BACK_MS
        ? []
        : [`tasks were back after ${ranMs} ms, events after ${readMs} ms`]),
    ]
    if (heal === undefined) {
      life.kill()
    } else {
      await waitFor(async () => (await (life as Life).stats()).ready, { what: 'ready' })
      await life.close()
    }
    const back =
      heal === undefined ? 'the process lives' : `back after ${Math.max(ranMs, readMs)} ms`
    return {
      counts: `${shortened(words).join(' | ')}${words.length > 0 ? '; ' : ''}${back}`,
      breaches,
    }
  } finally {
    life?.kill()
    await place.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Everything that anybody was told, each once. */
function toldBy({ said }: Life): string[] {
  const faults = said('fault').map(([who, ...text]) => `observer ${who}: ${text.join(' ')}`)
  return [
    ...new Set([
      ...said('unopened').map((words) => `start: ${words.join(' ')}`),
      ...said('refused').map(([, ...words]) => `enqueue: BACKEND_UNAVAILABLE ${words.join(' ')}`),
      ...faults.map((fault) => fault.replace(/^observer backend: /, 'executor: ')),
      ...said('gap').map((words) => `reader: ${words.join(' ')}`),
    ]),
  ]
}

const MAX_WORDS = 4
const MAX_CHARS = 160

function shortened(words: readonly string[]): string[] {
  const short = words.map((word) =>
    word.length > MAX_CHARS ? `${word.slice(0, MAX_CHARS)}…` : word,
  )
  return short.length > MAX_WORDS
    ? [...short.slice(0, MAX_WORDS), `${short.length - MAX_WORDS} more`]
    : short
}
