/** What has to hold after kills, by the journal and the records: every breach is one line of text. */

import type { Entry } from './journal.ts'

/** A record as the draining process saw it last. */
export interface FinalRecord {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly reason?: string
  readonly recoveries: number
  readonly idempotencyKey?: string
}

export interface KillCounts {
  readonly accepted: number
  readonly records: number
  /** Bodies that began, and those of them that began again after a kill. */
  readonly runs: number
  readonly reruns: number
  readonly interrupted: number
  readonly crashLoops: number
}

const TERMINAL = new Set(['succeeded', 'failed', 'cancelled', 'interrupted', 'expired'])
/** Tasks without retries: started at most once, whatever happens. */
const ONCE: Readonly<Record<string, string>> = { once: 'succeeded', brokenOnce: 'failed error' }
/** How a task with retries ends by itself. */
const OWN_END: Readonly<Record<string, readonly string[]>> = {
  retried: ['succeeded'],
  flaky: ['succeeded'],
  keyed: ['succeeded'],
  late: ['succeeded'],
  noisy: ['succeeded'],
  parent: ['succeeded'],
  child: ['succeeded'],
  cancelled: ['succeeded', 'cancelled'],
  long: ['cancelled'],
  broken: ['failed error'],
  slow: ['failed timeout'],
}
/** Attempts at once in the process that is killed. */
export const KILL_CONCURRENCY = 10
/** A task ends as a crash loop after more than so many. */
const MAX_CRASHES = 3

/** Marks of processes. */
const NOT_OF_TASKS: ReadonlySet<string> = new Set(['P', 'K', 'S', 'T'])

interface Life {
  accepted: Entry | undefined
  cancelled: boolean
  readonly starts: Entry[]
  /** Bodies that were over; `fail` among their words when they threw. */
  readonly overs: Entry[]
  readonly ends: Entry[]
}

export interface CheckOptions {
  /**
   * Owners that live can lose their records: frozen for longer than their lease, where no lock tells. What such a zombie
   * still starts is no breach here: its outcome is refused.
   */
  readonly zombies?: boolean | undefined
}

export function checkKills(
  entries: readonly Entry[],
  records: readonly FinalRecord[],
  { zombies = false }: CheckOptions = {},
): { readonly breaches: string[]; readonly counts: KillCounts } {
  const breaches: string[] = []
  const lives = livesOf(entries)
  const byId = new Map(records.map((record) => [record.id, record]))
  // Each can cost a zombie's tasks one recovery, as a death does.
  const freezes = zombies ? entries.filter(({ mark }) => mark === 'S').length : 0
  const lastProcess = entries.reduce((last, { process }) => Math.max(last, process), 0)
  const counts = {
    accepted: 0,
    records: records.length,
    runs: 0,
    reruns: 0,
    interrupted: 0,
    crashLoops: 0,
  }
  if (byId.size !== records.length) breaches.push('two records have one id')
  for (const record of records) {
    const { id, status, reason } = record
    if (!TERMINAL.has(status)) breaches.push(`${id} is ${status} after the drain`)
    if (status === 'interrupted') counts.interrupted += 1
    if (reason === 'crash_loop') counts.crashLoops += 1
    const life = lives.get(id)
    breaches.push(...breachesOfEnd(record, life, lastProcess, freezes))
    if (life === undefined) continue
    counts.runs += life.starts.length
    counts.reruns +=
      new Set(life.starts.map((start) => start.process)).size - (life.starts.length > 0 ? 1 : 0)
  }
  for (const [id, life] of lives) {
    if (life.accepted !== undefined) counts.accepted += 1
    const record = byId.get(id)
    if (record === undefined) {
      // One that was never accepted, yet ran, must be in the store as well: its body began after the insert.
      breaches.push(`${id} was ${life.accepted === undefined ? 'started' : 'accepted'} and is lost`)
      continue
    }
    breaches.push(...breachesOfRuns(id, record, life, zombies))
  }
  breaches.push(...breachesOfKeys(records))
  if (!zombies) breaches.push(...breachesOfReruns(lives))
  return { breaches, counts }
}

function livesOf(entries: readonly Entry[]): Map<string, Life> {
  const lives = new Map<string, Life>()
  for (const entry of entries) {
    if (NOT_OF_TASKS.has(entry.mark)) continue
    let life = lives.get(entry.id)
    if (life === undefined) {
      life = { accepted: undefined, cancelled: false, starts: [], overs: [], ends: [] }
      lives.set(entry.id, life)
    }
    if (entry.mark === 'A') life.accepted ??= entry
    if (entry.mark === 'C') life.cancelled = true
    if (entry.mark === 'R') life.starts.push(entry)
    if (entry.mark === 'E') life.overs.push(entry)
    if (entry.mark === 'D') life.ends.push(entry)
  }
  return lives
}

/** The status is one that the task can have come to. */
function breachesOfEnd(
  record: FinalRecord,
  life: Life | undefined,
  lastProcess: number,
  freezes: number,
): string[] {
  const { id, name, status, reason } = record
  const end = status === 'failed' ? `failed ${reason}` : status
  const what = `${id} (${name}) ended ${end}`
  if (life?.cancelled === true && status !== 'cancelled' && life.starts.length === 0) {
    return [`${what}, though its cancel was confirmed and it never ran`]
  }
  if (name in ONCE) {
    const ok = end === ONCE[name] || status === 'interrupted'
    return ok ? [] : [`${what}: it has no retries`]
  }
  if (end === 'failed crash_loop') {
    const firstSeen = life?.accepted?.process ?? life?.starts[0]?.process ?? 0
    const deaths = lastProcess - firstSeen + freezes
    return deaths > MAX_CRASHES ? [] : [`${what} after only ${deaths} deaths`]
  }
  return OWN_END[name]?.includes(end) === true ? [] : [what]
}

/** The body began no more often than kills and its own failures explain, and never after its end. */
function breachesOfRuns(id: string, record: FinalRecord, life: Life, zombies: boolean): string[] {
  const found: string[] = []
  const what = `${id} (${record.name})`
  if (life.ends.length > 1) found.push(`${what} has ${life.ends.length} terminal events`)
  for (const end of life.ends) {
    if (end.words[0] !== record.status) {
      found.push(`${what}: its event said ${end.words[0]}, its record says ${record.status}`)
    }
    const after = life.starts.find((start) => start.at > end.at)
    if (after !== undefined && !zombies) found.push(`${what} was started again after its end`)
  }
  if (record.name in ONCE && life.starts.length > 1) {
    found.push(`${what} has no retries and was started ${life.starts.length} times`)
  }
  for (const [index, start] of zombies ? [] : life.starts.entries()) {
    const before = life.starts[index - 1]
    if (before === undefined || before.process !== start.process) continue
    const failed = life.overs.some(
      ({ at, process, words }) =>
        words[1] === 'fail' && process === start.process && at > before.at && at < start.at,
    )
    if (!failed) found.push(`${what} was started twice in one process, and had not failed between`)
    if (Number(start.words[0]) <= Number(before.words[0])) {
      found.push(`${what}: attempt ${start.words[0]} followed attempt ${before.words[0]}`)
    }
  }
  return found
}

/**
 * What ran when a kill came has to run again, and that is no more than has slots. (A body that was over gives its slot
 * back before its outcome is written: it may run again as well, and has its `E`.)
 */
function breachesOfReruns(lives: ReadonlyMap<string, Life>): string[] {
  const cutOff = new Map<number, number>()
  for (const { starts, overs } of lives.values()) {
    for (const [index, { process, at }] of starts.entries()) {
      const next = starts[index + 1]
      const wasOver = overs.some((over) => over.process === process && over.at > at)
      if (next !== undefined && next.process !== process && !wasOver) {
        cutOff.set(process, (cutOff.get(process) ?? 0) + 1)
      }
    }
  }
  return [...cutOff]
    .filter(([, count]) => count > KILL_CONCURRENCY)
    .map(([process, count]) => `the kill of process ${process} made ${count} tasks run again`)
}

/** One key, one task that succeeded. */
function breachesOfKeys(records: readonly FinalRecord[]): string[] {
  const holders = new Map<string, number>()
  for (const { idempotencyKey, status, name } of records) {
    if (idempotencyKey === undefined || status !== 'succeeded') continue
    const key = `${name} ${idempotencyKey}`
    holders.set(key, (holders.get(key) ?? 0) + 1)
  }
  return [...holders]
    .filter(([, count]) => count > 1)
    .map(([key, count]) => `${key}: ${count} tasks`)
}
