/** The suite of Redis: streams and records, and everything that can come between a process and its Redis. */

import { startRedis } from '../support/redis-server.ts'
import { hasFaketime } from './clock.ts'
import { storm } from './idempotency.ts'
import { processesRun } from './processes.ts'
import { recoveryTimes } from './recovery.ts'
import { badInput } from './redis/bad-input.ts'
import { frozen } from './redis/frozen.ts'
import { halfOpen } from './redis/half-open.ts'
import { manyOutages } from './redis/many-outages.ts'
import { persistence, PERSISTENCES } from './redis/persistence.ts'
import { resets } from './redis/resets.ts'
import { skew } from './redis/skew.ts'
import { cutOff, storeAway } from './redis/store-away.ts'
import type { Case, CaseReport, SuiteOptions } from './suite.ts'

export const name = 'redis'

const KEYS = 1_000
const CALLERS = 100
const CALLING = 4
const TASKS_PER_KILL = 25
const NO_FREEZES = { short: 0, long: 0 }
/** Lease, beat, sweep, and 1 s. */
const RECOVERY_LIMIT_MS = 21_000

/** `rounds`: kills of a run of three processes; everything else in proportion. */
export function cases({ rounds = 200, seed }: SuiteOptions): readonly Case[] {
  const share = (of: number): number => Math.max(1, Math.ceil((of * rounds) / 200))
  return [
    {
      name: `frozen for ${share(30)} s, tasks beside it timed`,
      run: () => frozen({ how: 'SIGSTOP', seconds: share(30), pairs: 2, everyMs: 20 }),
    },
    {
      name: `frozen for ${share(120)} s, more events than the buffer holds`,
      run: () =>
        frozen({
          how: 'SIGSTOP',
          seconds: share(120),
          pairs: 1,
          everyMs: Math.min(20, share(20)),
          overflows: true,
        }),
    },
    ...(['CLIENT PAUSE', 'DEBUG SLEEP'] as const).map((how) => ({
      name: `${how} for ${share(10)} s`,
      run: () => frozen({ how, seconds: share(10), pairs: 1, everyMs: 20 }),
    })),
    {
      name: 'outages of every kind',
      run: () => manyOutages(share(100), seed, 4),
    },
    { name: 'two writers, one restarted, and resets', run: () => resets(share(60), seed) },
    ...(['both', 'to-server', 'to-client'] as const).map((direction) => ({
      name: `a half-open link, ${direction === 'both' ? 'both ways' : direction.replace('-', ' the ')}`,
      run: () => halfOpen(direction),
    })),
    {
      name: 'three processes killed and frozen',
      run: () => processes(seed, rounds, { short: share(80), long: share(20) }, 0),
    },
    {
      name: 'three processes whose Redis is killed',
      run: () => processes(seed, 0, NO_FREEZES, share(20)),
    },
    { name: 'recovery by another process', run: () => recovery(seed, share(4)) },
    {
      name: `${CALLERS} callers at once in ${CALLING} processes`,
      run: () => oneTaskPerKey(share(KEYS)),
    },
    ...PERSISTENCES.map((each) => ({
      name: `Redis killed, ${each.name}`,
      run: () => persistence(each, share(15)),
    })),
    {
      name: 'away: Redis stands still while tasks run',
      run: () => storeAway('SIGSTOP', Math.max(5, share(30))),
    },
    {
      name: 'away: connections are refused while tasks run',
      run: () => storeAway('refused', Math.max(5, share(30))),
    },
    { name: 'away for one of two, for longer than its lease', run: () => cutOff(25) },
    ...badInput(),
    {
      name: 'two processes whose wall clocks are an hour off',
      async run() {
        if (!hasFaketime()) return { counts: 'left out: faketime is missing', breaches: [] }
        return skew(share(60), Math.max(20, share(35)), seed)
      },
    },
  ]
}

export async function processes(
  seed: number,
  kills: number,
  freezes: { readonly short: number; readonly long: number },
  deaths: number,
): Promise<CaseReport> {
  const longFreezes = freezes.long
  const allFreezes = freezes.short + freezes.long
  const always = PERSISTENCES.find(({ name: each }) => each === 'appendfsync always')
  const server = await startRedis({ args: always?.args })
  let last: Promise<void> = Promise.resolve()
  const kill = (): Promise<void> => {
    last = last.then(async () => {
      server.signal('SIGKILL')
      await server.ended
      await server.restart()
    })
    return last
  }
  try {
    const { counts, breaches } = await processesRun({
      seed,
      kills,
      freezes: allFreezes,
      tasks: (kills + deaths) * TASKS_PER_KILL,
      judgedBy: 'leases',
      redis: { url: server.url, longFreezes, deaths, kill },
    })
    const lost = breaches.filter((breach) => breach.includes(' is lost')).length
    const faults =
      deaths === 0
        ? `${kills} kills, ${allFreezes} freezes, ${longFreezes} of them longer than a lease`
        : `${deaths} kills of Redis (AOF always)`
    return {
      counts: `${faults}, ${counts.accepted} accepted, ${lost} lost, ${counts.runs} runs, ${counts.reruns} again elsewhere, ${counts.refused} stale outcomes refused, ${counts.startedLate} started after their end, ${counts.cancelledElsewhere} cancelled from another process, ${counts.interrupted} interrupted, ${counts.crashLoops} crash loops`,
      breaches:
        longFreezes > 0 && counts.refused === 0
          ? [...breaches, 'no stale outcome was refused: the freezes proved nothing']
          : breaches,
    }
  } finally {
    await server.stop()
  }
}

async function recovery(seed: number, rounds: number): Promise<CaseReport> {
  const server = await startRedis()
  try {
    const options = { seed, rounds, judgedBy: 'leases', parallel: 4, redis: server.url } as const
    const times = await recoveryTimes(options)
    const worst = Math.max(...times)
    return {
      counts: `${rounds} kills, running again after ${Math.min(...times)} to ${worst} ms`,
      breaches:
        worst <= RECOVERY_LIMIT_MS
          ? []
          : [`it took ${worst} ms, and ${RECOVERY_LIMIT_MS} ms are promised`],
    }
  } finally {
    await server.stop()
  }
}

export async function oneTaskPerKey(keys: number): Promise<CaseReport> {
  const server = await startRedis()
  try {
    const { calls, tasks, refused, breaches } = await storm(
      'storm',
      keys,
      CALLERS,
      CALLING,
      server.url,
    )
    return { counts: `${keys} keys, ${calls} calls, ${tasks} tasks, ${refused} refused`, breaches }
  } finally {
    await server.stop()
  }
}
