/** One executor whose store fails under it and comes back: what it says meanwhile, and what has become of every task. */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BackendUnavailableError,
  createExecutor,
  defineTask,
  setFallbackLogger,
  type Executor,
} from '../../src/index.ts'
import { sqliteBackend } from '../../src/sqlite.ts'
import type { BackendErrorReason } from '../../src/task/errors.ts'
import { isTerminal } from '../../src/task/status.ts'
import { waitFor } from '../../src/testing/wait-for.ts'

/** Something that happens to a store. */
export interface Fault {
  readonly name: string
  /** Reasons that a refusal may have, one of which `backend.error` tells; `[]` when nothing may be noticed at all. */
  readonly reasons: readonly BackendErrorReason[]
  /** What a refusal has to advise. */
  readonly advice: RegExp
  /** False when it passes before a caller has to be refused. */
  readonly refuses?: boolean
  /** Default `'process'`. */
  readonly durability?: 'process' | 'power'
  begin(store: BrokenStore): Promise<void> | void
  end(store: BrokenStore): Promise<void> | void
}

export interface BrokenStore {
  readonly path: string
  /** The connections to it in this process. */
  readonly connections: ReadonlySet<DatabaseSync>
}

export interface LifeReport {
  readonly accepted: number
  readonly refused: number
  readonly reasons: readonly string[]
  readonly breaches: readonly string[]
}

const BEFORE = 20
const DURING = 12
const HEAL_MS = 30_000
/** Of the event loop while the store is away: 10 ms of waiting for a lock, and a slow machine. */
const MAX_LAG_MS = 1_000

export async function liveThrough(path: string, fault: Fault): Promise<LifeReport> {
  const breaches: string[] = []
  const connections = noticeConnections(path)
  setFallbackLogger({ error() {} })
  const accepted = new Set<string>()
  const refused: BackendUnavailableError[] = []
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  const quick = defineTask({ name: 'quick', run: (n: number) => n })
  const slow = defineTask({
    name: 'slow',
    async run(n: number, { log }) {
      log('before')
      await opened
      log('after')
      return n
    },
  })
  const executor = createExecutor({
    tasks: [quick, slow],
    backend: sqliteBackend(path, { durability: fault.durability }),
    observers: [],
    concurrency: 8,
  })
  const told = new Set<string>()
  executor.events.on('backend.error', ({ code }) => told.add(code))
  const lag = watchLag()

  async function enqueue(id: string): Promise<void> {
    try {
      await executor.enqueue(quick, 1, { id })
      accepted.add(id)
    } catch (error) {
      if (error instanceof BackendUnavailableError) refused.push(error)
      else breaches.push(`enqueue of ${id} rejected with ${String(error)}`)
    }
  }

  async function isWell(): Promise<boolean> {
    const handle = await executor.enqueue(quick, 1)
    await handle.result({ timeout: '5s' })
    return true
  }

  try {
    await executor.start()
    await Promise.all(Array.from({ length: BEFORE }, (_, n) => enqueue(`before-${n}`)))
    const running = [1, 2, 3].map((n) => executor.enqueue(slow, n, { id: `slow-${n}` }))
    const handles = await Promise.all(running)
    for (const { id } of handles) accepted.add(id)
    await waitFor(async () => (await executor.counts()).running === 3, { what: 'three to run' })
    if (refused.length > 0) breaches.push(`refused before: ${refused[0]?.message}`)

    const store = { path, connections }
    await fault.begin(store)
    const during = Array.from({ length: DURING }, (_, n) => enqueue(`during-${n}`))
    // They end while the store is away: their outcomes are kept.
    open()
    await Promise.all(during)
    if (fault.reasons.length > 0 && fault.refuses !== false) {
      // The first ones may still have found room.
      for (let more = 0; more < 200 && refused.length === 0; more++) await enqueue(`more-${more}`)
    }
    await readAway(executor, refused, breaches)
    await fault.end(store)

    await waitFor(() => isWell(), {
      timeout: HEAL_MS,
      interval: 100,
      what: 'the store to heal',
    })
    await waitFor(() => allEnded(executor, accepted), { timeout: HEAL_MS, what: 'all to end' })
    for (const handle of handles) {
      const { status, attempt } = (await handle.record()) ?? {}
      if (status !== 'succeeded' || attempt !== 0) {
        breaches.push(`${handle.id} ran through the fault and is ${status}, attempt ${attempt}`)
      }
    }
    for (let n = 0; n < DURING; n++) await judgeUnknown(executor, `during-${n}`, breaches)
  } catch (error) {
    breaches.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    open()
    lag.stop()
    await executor.close({ grace: 0 })
  }

  judgeRefusals(fault, path, refused, told, breaches)
  if (lag.longest() > MAX_LAG_MS) breaches.push(`the event loop stood for ${lag.longest()} ms`)
  breaches.push(...(await reopened(path, accepted, [quick, slow])))
  const reasons = [...new Set(refused.map(({ reason }) => reason))]
  return { accepted: accepted.size, refused: refused.length, reasons, breaches }
}

function judgeRefusals(
  { reasons, advice, refuses }: Fault,
  path: string,
  refused: readonly BackendUnavailableError[],
  told: ReadonlySet<string>,
  breaches: string[],
): void {
  if (reasons.length > 0) {
    if (refused.length === 0 && refuses !== false) breaches.push('nothing was refused')
    if (!reasons.some((reason) => told.has(reason))) {
      breaches.push(`backend.error told of ${[...told].join(', ') || 'nothing'}`)
    }
  }
  for (const { reason, message } of refused) {
    if (!reasons.includes(reason)) {
      breaches.push(`refused as ${reason} instead of ${reasons.join(' or ')}: ${message}`)
    }
    if (!message.includes(path)) breaches.push(`the message does not name the file: ${message}`)
    if (!advice.test(message)) breaches.push(`the message does not say what to do: ${message}`)
  }
}

/** Reading may work or be refused, in our words. */
async function readAway(
  executor: Executor,
  refused: BackendUnavailableError[],
  breaches: string[],
): Promise<void> {
  try {
    await executor.get('before-0')
    await executor.counts()
  } catch (error) {
    if (error instanceof BackendUnavailableError) refused.push(error)
    else breaches.push(`reading rejected with ${String(error)}`)
  }
}

async function allEnded(executor: Executor, ids: Iterable<string>): Promise<boolean> {
  for (const id of ids) {
    const record = await executor.get(id)
    if (record === undefined) throw new Error(`${id} was accepted and is lost`)
    if (!isTerminal(record.status)) throw new Error(`${id} is ${record.status}`)
  }
  return true
}

/** What was refused may exist all the same, and has run then. */
async function judgeUnknown(executor: Executor, id: string, breaches: string[]): Promise<void> {
  try {
    await waitFor(
      async () => {
        const record = await executor.get(id)
        return record === undefined || isTerminal(record.status)
      },
      { timeout: '10s' },
    )
  } catch {
    breaches.push(`${id} was refused, exists, and never ends`)
  }
}

/** In the file itself, for another executor: nothing is damaged, and every accepted task is there and has succeeded. */
async function reopened(
  path: string,
  accepted: Iterable<string>,
  tasks: NonNullable<Parameters<typeof createExecutor>[0]>['tasks'],
): Promise<readonly string[]> {
  const breaches: string[] = []
  const db = new DatabaseSync(path)
  const { integrity_check: integrity } = db.prepare('PRAGMA integrity_check').get() as {
    integrity_check: string
  }
  db.close()
  if (integrity !== 'ok') breaches.push(`integrity_check: ${integrity}`)
  const next = createExecutor({ tasks, backend: sqliteBackend(path), observers: [], work: false })
  try {
    await next.start()
    for (const id of accepted) {
      const record = await next.get(id)
      if (record?.status !== 'succeeded') breaches.push(`${id} is ${record?.status ?? 'lost'}`)
    }
  } catch (error) {
    breaches.push(`opened again: ${String(error)}`)
  } finally {
    await next.close({ grace: 0 })
  }
  return breaches
}

const seen = new Map<string, Set<DatabaseSync>>()

/** Sees the connections to `path` as they are used: some faults are settings of a connection. */
function noticeConnections(path: string): ReadonlySet<DatabaseSync> {
  if (seen.size === 0) {
    const { prepare } = DatabaseSync.prototype
    DatabaseSync.prototype.prepare = function noticed(this: DatabaseSync, ...rest) {
      seen.get(this.location() ?? '')?.add(this)
      return prepare.apply(this, rest)
    }
  }
  const connections = new Set<DatabaseSync>()
  seen.set(path, connections)
  return connections
}

function watchLag(): { longest(): number; stop(): void } {
  let longest = 0
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const before = performance.now()
      await sleep(5)
      longest = Math.max(longest, performance.now() - before - 5)
    }
  })()
  return {
    longest: () => Math.round(longest),
    stop() {
      isOver = true
      void watching
    },
  }
}
