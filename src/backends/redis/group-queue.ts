/** Group commit: what is called while one script is under way goes with the next, as one. */

import type { RedisConnection } from '../../connections/redis.ts'
import type { BackendUnavailableError } from '../../task/errors.ts'
import { unavailable } from './failure.ts'
import { TASK_SCRIPT, WHOLE_SCRIPT } from './script.ts'
import { addTo, argumentsOf, startBlock, type Block, type Call } from './block.ts'

/** When a script was sent and answered, by this machine's clock. */
export interface Timing {
  readonly sentAt: number
  readonly answeredAt: number
}

export interface GroupQueue {
  /**
   * Has it carried out, after everything that was called before. `decode` makes an answer of its part of the reply.
   *
   * @throws {BackendUnavailableError} BACKEND_UNAVAILABLE when Redis refused, or nobody knows whether it was done
   */
  run<T>(call: Call, decode: (reply: unknown, timing: Timing) => T): Promise<T>
  /** The same without a promise, for calls that come in numbers. */
  add<T>(
    call: Call,
    decode: (reply: unknown, timing: Timing) => T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void
  /** Rejects what still waits, and all that comes. */
  stop(error: BackendUnavailableError): void
}

/** What one script takes: Redis does nothing else meanwhile. */
const MAX_WEIGHT = 256
const MAX_CHARACTERS = 1_000_000

interface Waiting {
  readonly call: Call
  readonly decode: (reply: unknown, timing: Timing) => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** `sender` is what others hear with the news of unowned work; `metaKey` is the key that names the slot of a cluster. */
export function createGroupQueue(
  connection: RedisConnection,
  metaKey: string,
  sender: string,
): GroupQueue {
  let waiting: Waiting[] = []
  let isScheduled = false
  let isUnderWay = false
  let stopped: BackendUnavailableError | undefined

  function schedule(): void {
    if (isScheduled || isUnderWay || waiting.length === 0) return
    isScheduled = true
    setImmediate(send)
  }

  function nextGroup(): readonly Waiting[] {
    let weight = 0
    let characters = 0
    let count = 0
    for (const { call } of waiting) {
      weight += call.weight
      characters += call.characters
      if (count > 0 && (weight > MAX_WEIGHT || characters > MAX_CHARACTERS)) break
      count += 1
    }
    const taken = waiting
    waiting = count === taken.length ? [] : taken.splice(count)
    return taken
  }

  function send(): void {
    isScheduled = false
    if (isUnderWay || waiting.length === 0) return
    const group = nextGroup()
    const blocks: Block<Waiting>[] = []
    let block: Block<Waiting> | undefined
    for (const each of group) {
      if (block === undefined || !addTo(block, each.call, each)) {
        block = startBlock(each.call, each)
        blocks.push(block)
      }
    }
    isUnderWay = true
    void carryOut(blocks, group)
  }

  async function carryOut(
    blocks: readonly Block<Waiting>[],
    group: readonly Waiting[],
  ): Promise<void> {
    const args = [sender]
    let isOfTasks = true
    for (const block of blocks) {
      argumentsOf(block, args)
      isOfTasks &&= block.isOfTasks
    }
    const sentAt = Date.now()
    try {
      const script = isOfTasks ? TASK_SCRIPT : WHOLE_SCRIPT
      const reply = (await connection.run(script, [metaKey], args)) as readonly unknown[]
      const timing = { sentAt, answeredAt: Date.now() }
      isUnderWay = false
      let index = 0
      for (const block of blocks) index = settle(block, reply, index, timing)
    } catch (error) {
      isUnderWay = false
      // Redis is silent: who came meanwhile must not wait for another time-out on top.
      const isSilent = unavailable(error, 'call', connection).reason === 'timeout'
      const refused = isSilent ? [...group, ...waiting.splice(0)] : group
      for (const { call, reject } of refused) reject(unavailable(error, call.operation, connection))
    }
    schedule()
  }

  const add: GroupQueue['add'] = (call, decode, resolve, reject) => {
    if (stopped !== undefined) {
      reject(stopped)
      return
    }
    waiting.push({ call, decode, resolve: resolve as (value: unknown) => void, reject })
    schedule()
  }

  return {
    run: (call, decode) => new Promise((resolve, reject) => add(call, decode, resolve, reject)),
    add,
    stop(error) {
      stopped = error
      const left = waiting
      waiting = []
      for (const { reject } of left) reject(error)
    },
  }
}

/** Answers the calls of a block, from its part of the reply on. Answers where that of the next one begins. */
function settle(
  block: Block<Waiting>,
  reply: readonly unknown[],
  start: number,
  timing: Timing,
): number {
  let index = start
  const { inserts, appends, updates, other } = block
  if (inserts.length > 0) {
    const answers = reply[index++] as readonly unknown[]
    for (const [at, each] of inserts.entries()) answer(each, answers[at], timing)
  }
  for (const calls of [appends, updates]) {
    if (calls.length === 0) continue
    const marks = reply[index++] as string
    let from = 0
    for (const each of calls) {
      answer(each, marks.slice(from, from + each.call.count), timing)
      from += each.call.count
    }
  }
  if (other !== undefined) answer(other, reply[index++], timing)
  return index
}

function answer({ decode, resolve, reject }: Waiting, reply: unknown, timing: Timing): void {
  try {
    resolve(decode(reply, timing))
  } catch (error) {
    reject(error)
  }
}
