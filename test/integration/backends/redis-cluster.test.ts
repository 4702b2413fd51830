import { Cluster } from 'ioredis'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createExecutor, defineTask } from '../../../src/index.ts'
import { consumeEvents, readEvents, redisBackend, redisStreamObserver } from '../../../src/redis.ts'
import { A, B, endOf, insertOne, newRecord, NOW } from '../../../src/testing/backend-cases/case.ts'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { freePort } from '../../support/free-port.ts'
import { adminOf, openBackend, testServer } from '../../support/redis-backends.ts'
import { logEvent, shortly, take, upTo } from '../../support/stream-events.ts'

const SLOTS = 16_384

/** Three masters that share the slots; a client for them. */
async function testCluster(): Promise<Cluster> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const busPort = await freePort()
      const cluster = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`]
      const server = await testServer({
        args: [...cluster, '--save', '', '--cluster-node-timeout', '2000'],
      })
      return { server, busPort, admin: adminOf(server) }
    }),
  )
  for (const [index, { admin }] of nodes.entries()) {
    const from = Math.ceil((index * SLOTS) / nodes.length)
    const to = Math.ceil(((index + 1) * SLOTS) / nodes.length) - 1
    await admin.call('CLUSTER', ['ADDSLOTSRANGE', from, to])
    for (const { server, busPort } of nodes) {
      await admin.call('CLUSTER', ['MEET', '127.0.0.1', server.port, busPort])
    }
  }
  for (const { admin } of nodes) {
    await waitFor(
      async () => {
        const info = String(await admin.call('CLUSTER', ['INFO']))
        return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
      },
      { what: 'the cluster', timeout: '20s' },
    )
  }
  const cluster = new Cluster(nodes.map(({ server }) => ({ host: '127.0.0.1', port: server.port })))
  onTestFinished(() => cluster.disconnect())
  return cluster
}

test('a cluster keeps all of a prefix in one slot, and prefixes in different nodes work alike', async () => {
  const client = await testCluster()
  for (const prefix of ['one', 'two', 'three', 'four']) {
    const backend = await openBackend({ client, prefix })
    const other = await openBackend({ client, prefix }, B)
    const tags = { plan: 'pro' }
    const stored = await insertOne(backend, newRecord(A, { tags, parentId: 'p' }))
    const unowned = await insertOne(other, newRecord(null, { tags }))
    const [claimed] = await backend.claim(A, { names: ['send-mail'], limit: 9, dueBefore: NOW })
    expect(claimed?.spec.id).toBe(unowned.spec.id)
    expect(await backend.update([endOf(stored)])).toEqual(['ok'])
    const list = await other.queries?.list({ tags, limit: 9, order: 'oldest' })
    expect(list?.records.map(({ spec }) => spec.id)).toEqual([stored.spec.id, unowned.spec.id])
    expect(await other.sweep({ endedBefore: NOW + 9, maxFinished: 9, limit: 9, now: NOW })).toBe(1)
  }
})

test('executors work through a cluster, and hear of work of each other at once', async () => {
  const client = await testCluster()
  const task = defineTask({ name: 'add', run: ({ a, b }: { a: number; b: number }) => a + b })
  const backend = (): ReturnType<typeof redisBackend> =>
    redisBackend({ client, prefix: 'shared', durability: 'ignore' })
  const worker = createExecutor({ tasks: [task], backend: backend(), observers: [] })
  const web = createExecutor({ tasks: [task], backend: backend(), observers: [], work: false })
  onTestFinished(async () => {
    await web.close()
    await worker.close()
  })
  await Promise.all([worker.start(), web.start()])
  const handle = await web.enqueue(task, { a: 2, b: 3 })
  expect(await handle.result()).toBe(5)
})

test('event streams are written, read and shared through a cluster, and their connection keeps no process alive', async () => {
  const client = await testCluster()
  for (const stream of ['one', 'two', 'three', '{tagged}:events']) {
    const observer = redisStreamObserver({ client, stream })
    observer.start()
    for (const seq of upTo(120)) observer.onEvent(logEvent(seq))
    await observer.close()
    expect(observer.counts()).toMatchObject({ delivered: 120 })
    const options = { client, stream, from: 'start' }
    expect(shortly(await take(readEvents(options), 120))).toEqual(upTo(120))
    const consumed = consumeEvents({ ...options, group: 'g', consumer: 'c' })
    expect(shortly(await take(consumed, 120))).toEqual(upTo(120))
  }
  const [node] = client.nodes()
  const program = join(import.meta.dirname, '..', 'observers', 'redis-stream-program.ts')
  const url = `redis://127.0.0.1:${node?.options.port}`
  const child = startChild(program, [url, 'end', 'cluster'])
  expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
  expect(child.lines[0]).toMatch(/ 10$/)
}, 60_000)

test('a client of one node is told that this is a cluster', async () => {
  const client = await testCluster()
  const [node] = client.nodes()
  const url = `redis://127.0.0.1:${node?.options.port}`
  const refusals: unknown[] = []
  // Their slots are on all three nodes.
  for (const name of ['one', 'two', 'three', 'four']) {
    const refused = (error: unknown): number => refusals.push(error)
    const backend = redisBackend({ client: url, prefix: name, durability: 'ignore' })
    await Promise.resolve(backend.open(A)).catch(refused)
    await backend.close(A)
    const signal = AbortSignal.timeout(500)
    const items = readEvents({ client: url, stream: `{${name}}`, from: 'start', signal })
    await items.next().catch(refused)
  }
  expect(refusals.length).toBeGreaterThan(3)
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({
      reason: 'cannot_open',
      message: expect.stringContaining('give a Cluster of ioredis as client'),
    })
  }
}, 60_000)
