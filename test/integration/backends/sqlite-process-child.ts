/** A process beside others on one database: does what its first argument says, and tells it in lines. */

import { createInterface } from 'node:readline'
import type { Backend, Owner } from '../../../src/backends/backend.ts'
import { sqliteBackend } from '../../../src/sqlite.ts'
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
}

const backend = sqliteBackend(path)
process.stdout.write('opening\n')
await backend.open(owner)
process.stdout.write('open\n')
await act(backend)
await backend.close(owner)
process.stdout.write('closed\n')
