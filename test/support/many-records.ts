/** Hundreds of thousands of records of all kinds, through a backend's own methods. */

import type { Backend, NewRecord, Owner } from '../../src/backends/backend.ts'
import type { StoredRecord, TaskState } from '../../src/task/record.ts'
import type { Status } from '../../src/task/status.ts'
import { endOf, specOf, stateOf } from '../../src/testing/backend-cases/case.ts'
import { seededRandom } from './random.ts'

export const FIRST_CREATED = 1_700_000_000_000
/** One record is made in so many milliseconds. */
export const MS_PER_RECORD = 10

const OWNER: Owner = { executorId: 'many-records', now: FIRST_CREATED }
const BATCH = 1_000
/** Of all: what is still to be done, the newest. */
const LIVE_SHARE = 0.1
/** Of the live ones: what an executor has. */
const OWNED = 2_000
const STACK = '\n    at send (file:///app/src/mail.js:12:34)'.repeat(8)

/**
 * 20 names and one that is rare, 5 queues, three tags of 3, 1,000 and few values; nine of ten have ended, of which one
 * in fifty not well. The last tenth is live, pending, scheduled, retrying and running.
 */
export async function insertMany(backend: Backend, count: number): Promise<void> {
  const random = seededRandom(20_261_121)
  await backend.open(OWNER)
  for (let start = 0; start < count; start += BATCH) {
    const records: NewRecord[] = []
    for (let index = start; index < Math.min(start + BATCH, count); index++) {
      const isLive = index >= count * (1 - LIVE_SHARE)
      const isOwned = isLive && random.below(count * LIVE_SHARE) < OWNED
      const createdAt = FIRST_CREATED + index * MS_PER_RECORD
      const spec = specOf({
        id: `record-${index}`,
        name: random.below(50_000) === 0 ? 'nightly-report' : `task-${random.below(20)}`,
        queue: `queue-${random.below(5)}`,
        priority: random.below(10) === 0 ? 5 : 0,
        label: random.below(10) === 0 ? `Label ${index}` : undefined,
        createdAt,
        parentId: random.below(100) === 0 ? `record-${index - (index % 1_000)}` : undefined,
        tags: {
          plan: random.pick(['free', 'pro', 'team']),
          tenant: `tenant-${random.below(1_000)}`,
          ...(random.below(20_000) === 0 ? { incident: 'yes' } : undefined),
        },
        inputJson: JSON.stringify({ to: `user-${random.below(100_000)}@example.com`, index }),
      })
      const running = stateOf({
        status: 'running',
        owner: OWNER.executorId,
        fence: 1,
        starts: 1,
        startedAt: createdAt,
      })
      const status = random.pick(['pending', 'pending', 'scheduled', 'retrying'] as const)
      const waiting = stateOf({ status, dueAt: createdAt + 60_000 })
      records.push({ spec, state: isLive && !isOwned ? waiting : running })
    }
    const results = await backend.insert(records)
    const stored = records.flatMap(({ spec, state }, index): StoredRecord[] => {
      const result = results[index]
      if (result?.type !== 'inserted') throw new Error(`${spec.id} was not inserted`)
      const isEnded = state.owner !== null && start + index < count * (1 - LIVE_SHARE)
      return isEnded ? [{ spec, state, position: result.position }] : []
    })
    if (stored.length === 0) continue
    await backend.update(
      stored.map((record) => {
        const end = endOf(record, endStatus(random.below(1_000)), record.spec.createdAt + 5)
        return { ...end, state: { ...end.state, ...outcomeOf(end.state, record.position) } }
      }),
    )
  }
}

function endStatus(dice: number): Status {
  if (dice < 10) return 'failed'
  if (dice < 15) return 'cancelled'
  if (dice < 18) return 'interrupted'
  return dice < 20 ? 'expired' : 'succeeded'
}

function outcomeOf({ status }: TaskState, index: number): Partial<TaskState> {
  if (status === 'succeeded') return { resultJson: '{"sent":true}', durationMs: 12, waitMs: 1 }
  if (status !== 'failed') return { reason: 'by hand' }
  const message = `Connection to host-${index} refused`
  return {
    error: {
      name: 'MailError',
      message,
      stack: `MailError: ${message}${STACK}`,
      fields: {},
      fingerprint: 'a1',
    },
  }
}
