/** A process beside others on one store: does what its first argument says, and tells it in lines. */

import { createInterface } from 'node:readline'
import type { Backend, NewRecord, Owner } from '../../../src/backends/backend.ts'
import { redisBackend } from '../../../src/redis.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
import { keyedRecord } from '../../../src/testing/backend-cases/case.ts'
import type { StoredRecord } from '../../../src/task/record.ts'

const [role = '', path = '', executorId = '', argument = ''] = process.argv.slice(2)
const owner: Owner = { executorId, now: 0 }

/** Claims until nothing is left, and says which. */
async function claimAll(backend: Backend): Promise<void> {
  const query = { names: ['send-mail'], limit: Number(argument), dueBefore: Number.MAX_VALUE }
  const known = new Set<string>()
  for (;;) {
    let claimed: readonly StoredRecord[]
    try {
      claimed = await backend.claim(owner, query)
    } catch {
      // It may have been given some without hearing of it.
      claimed = (await backend.owned(owner)).filter(({ spec }) => !known.has(spec.id))
      if (claimed.length === 0) continue
    }
    if (claimed.length === 0) return
    for (const { spec } of claimed) known.add(spec.id)
    process.stdout.write(`claimed ${claimed.map(({ spec }) => spec.id).join(' ')}\n`)
  }
}

/** Cancels each record whose id comes in. */
async function cancelAll(backend: Backend): Promise<void> {
  for await (const id of createInterface(process.stdin)) {
    const result = await backend.requestCancel(owner, id, { by: executorId })
    if (result.type === 'claimed') {
      const { spec, state, position } = result.record
      const end = { ...state, status: 'cancelled', owner: null, endedAt: 1 } as const
      const { name } = spec
      await backend.update([
        { id, position, name, owner: executorId, fence: state.fence, state: end, freesKey: true },
      ])
    }
    process.stdout.write(`${id} ${result.type}\n`)
  }
}

async function act(backend: Backend): Promise<void> {
  if (role === 'claim') return claimAll(backend)
  if (role === 'cancel') return cancelAll(backend)
  if (role === 'keys') return insertKeys(backend)
  if (role === 'hold') return hold(backend)
}

/** Inserts each of so many keys ten times at once, and says how many went in. */
async function insertKeys(backend: Backend): Promise<void> {
  const results = await Promise.all(
    Array.from({ length: Number(argument) * 10 }, async (_, index) =>
      backend.insert([keyedRecord(null, `key-${index % Number(argument)}`)].map(asOwn)),
    ),
  )
  const inserted = results.flat().filter(({ type }) => type === 'inserted')
  process.stdout.write(`inserted ${inserted.length}\n`)
}

/** Ids are unique within a process only. */
function asOwn(record: NewRecord): NewRecord {
  return { ...record, spec: { ...record.spec, id: `${executorId}-${record.spec.id}` } }
}

/** Claims some, and is there until it is killed. */
async function hold(backend: Backend): Promise<void> {
  const query = { names: ['send-mail'], limit: Number(argument), dueBefore: Number.MAX_VALUE }
  const claimed = await backend.claim(owner, query)
  process.stdout.write(`claimed ${claimed.map(({ spec }) => spec.id).join(' ')}\n`)
  await new Promise((resolve) => {
    setTimeout(resolve, 60_000)
  })
}

/** A file, or `redis://host:port#prefix`. */
function backendAt(place: string): Backend {
  const [client = '', prefix] = place.split('#')
  return place.startsWith('redis:')
    ? redisBackend({ client, prefix, durability: 'ignore' })
    : sqliteBackend(place)
}

const backend = backendAt(path)
process.stdout.write('opening\n')
await backend.open(owner)
process.stdout.write('open\n')
await act(backend)
await backend.close(owner)
process.stdout.write('closed\n')
