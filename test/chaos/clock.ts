/** Clocks that jump, clocks that differ, and delays longer than a timer can be. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { lockPath } from '../../src/backends/sqlite/owner-lock.ts'
import { LEASE_MS } from '../../src/executor/lease.ts'
import { createExecutor, defineTask, memoryBackend } from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import type { Clock } from '../../src/task/clock.ts'
import { waitFor } from '../../src/testing/wait-for.ts'
import { startChild } from '../support/child.ts'
import { fastClock, sleepOn } from '../support/fast-clock.ts'
import { collectWarnings } from '../support/process-warnings.ts'
import type { JumpReport } from './clock-jumps.ts'

const PROGRAM = fileURLToPath(new URL('clock-child.ts', import.meta.url))
const NAP_PROGRAM = fileURLToPath(new URL('nap-child.ts', import.meta.url))

/** Where distributions put it. */
const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib',
  '/usr/lib64',
]
  .map((directory) => `${directory}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path))

export function hasFaketime(): boolean {
  return FAKETIME !== undefined
}

/** The environment of a process whose wall clock is off by what the file says; its timers are not. */
export function fakedTime(offsetFile: string): Readonly<Record<string, string>> {
  return {
    LD_PRELOAD: FAKETIME ?? '',
    FAKETIME_TIMESTAMP_FILE: offsetFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
}

/** Jumps of an hour and a day, or to 1970 and past 2038, under a real executor in a process of its own. */
export async function fakedJumps(
  range: 'near' | 'far',
  tasks: number,
  seed: number,
): Promise<JumpReport> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-clock-'))
  const offsetFile = join(directory, 'offset')
  writeFileSync(offsetFile, '+0\n')
  const args = [directory, offsetFile, String(seed), String(tasks), range]
  const child = startChild(PROGRAM, args, { env: fakedTime(offsetFile) })
  try {
    const line = await child.line('report ')
    return JSON.parse(line.slice('report '.length)) as JumpReport
  } finally {
    child.kill()
    await child.ended
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Two processes without locks whose wall clocks differ by less than half a lease, for `ms`: answers what was stolen. */
export async function fakedSkew(skewSeconds: number, ms: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-skew-'))
  const offsetFile = join(directory, 'offset')
  writeFileSync(offsetFile, `${skewSeconds < 0 ? '' : '+'}${skewSeconds}\n`)
  const owner = startChild(NAP_PROGRAM, [join(directory, 'tasks.db'), '5', 'leases'], {
    env: fakedTime(offsetFile),
  })
  const other = startChild(NAP_PROGRAM, [join(directory, 'tasks.db'), '0', 'leases'])
  try {
    await Promise.all([owner.line('ready'), other.line('ready')])
    await sleep(ms)
    return other.lines.filter((line) => line.startsWith('ran ')).length
  } finally {
    owner.kill()
    other.kill()
    await Promise.all([owner.ended, other.ended])
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Ten times as fast, so that 2 s are more than a lease, and stalls of a busy machine are not. */
const FAST = 10

/** The same with injected clocks, in one process: answers how often tasks began, of so many. */
export async function injectedSkew(
  skewMs: number,
): Promise<{ readonly tasks: number; readonly runs: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'plainsight-skew-'))
  const path = join(directory, 'tasks.db')
  const clock = fastClock(FAST, Date.now())
  let runs = 0
  const nap = defineTask({
    name: 'nap',
    retries: 3,
    async run(_input: undefined, { signal }) {
      runs += 1
      await sleepOn(clock, 1_000_000, signal)
    },
  })
  const open = (skewed: Clock) =>
    createExecutor({
      tasks: [nap],
      backend: sqliteBackend(path),
      observers: [],
      clock: skewed,
      shieldGrace: 0,
    })
  const executors = [open({ ...clock, now: () => clock.now() + skewMs }), open(clock)]
  try {
    for (const executor of executors) {
      await executor.start()
      rmSync(lockPath(path, executor.id), { force: true })
      for (let index = 0; index < 3; index++) await executor.enqueue(nap)
    }
    await sleepOn(clock, 2 * LEASE_MS)
    return { tasks: 6, runs }
  } finally {
    for (const executor of executors) await executor.close({ grace: 0 })
    rmSync(directory, { recursive: true, force: true })
  }
}

const DAY_MS = 86_400_000
/** Around the longest that a timer can be, 2^31−1 ms. */
const LONG_DELAYS_MS = [25 * DAY_MS, 60 * DAY_MS, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1]
/** A day is 43 ms. Only a store that answers at once can stand such haste. */
const VERY_FAST = 2_000_000

/** Delays longer than a timer: none fires early, and Node has nothing to warn of. */
export async function longDelays(): Promise<readonly string[]> {
  const warnings = collectWarnings()
  const breaches: string[] = []
  const realTime = createExecutor({ backend: memoryBackend(), observers: [], shieldGrace: 0 })
  const clock = fastClock(VERY_FAST, Date.now())
  const fast = createExecutor({ backend: memoryBackend(), observers: [], clock, shieldGrace: 0 })
  let ran = 0
  const late = defineTask({
    name: 'late',
    run({ dueMs }: { readonly dueMs: number }) {
      ran += 1
      const earlyMs = dueMs - clock.monotonic()
      // A timer of Node's may be a millisecond early: so much of this clock's time.
      if (earlyMs > 2 * VERY_FAST) breaches.push(`a task started ${earlyMs / DAY_MS} days early`)
    },
  })
  const never = defineTask({ name: 'never', run: () => void breaches.push('a far task started') })
  try {
    realTime.register(never)
    fast.register(late)
    for (const delay of LONG_DELAYS_MS) {
      await realTime.enqueue(never, undefined, { delay })
      await fast.enqueue(late, { dueMs: clock.monotonic() + delay }, { delay })
    }
    await waitFor(() => ran === LONG_DELAYS_MS.length, {
      timeout: '20s',
      what: 'every long delay to pass',
    }).catch((error: unknown) => breaches.push(String(error)))
    breaches.push(...warnings.take())
  } finally {
    warnings.stop()
    await realTime.close({ grace: 0 })
    await fast.close({ grace: 0 })
  }
  return breaches
}
