/** A program whose metrics Prometheus scrapes: it works, holds one task until a line arrives, and ends at the next. */

import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { createExecutor, defineTask } from '../../src/index.ts'
import { startTelemetry } from '../../src/otel-start.ts'
import { otelObserver } from '../../src/otel.ts'

const telemetry = await startTelemetry({ serviceName: 'shop' })

const resize = defineTask({
  name: 'resize',
  tags: { plan: 'pro', customer: '4711' },
  run: ({ width }: { readonly width: number }) => width / 2,
})
const charge = defineTask({
  name: 'charge',
  queue: 'money',
  retries: 1,
  backoff: { delay: 1, jitter: 'none' },
  run() {
    throw new RangeError('too much')
  },
})
const slow = defineTask({ name: 'slow', run: () => wait(300) })
let release = (): void => {}
const released = new Promise<void>((resolve) => {
  release = resolve
})
const held = defineTask({ name: 'held', run: () => released })

const executor = createExecutor({
  tasks: [resize, charge, slow, held],
  concurrency: 7,
  observers: [otelObserver({ metricTags: ['plan'] })],
})
const holding = await executor.enqueue(held)
const handles = [
  ...(await executor.enqueueMany(
    Array.from({ length: 20 }, (_, width) => ({ task: resize, input: { width } })),
  )),
  ...(await executor.enqueueMany(Array.from({ length: 3 }, () => ({ task: charge })))),
  ...(await executor.enqueueMany(Array.from({ length: 2 }, () => ({ task: slow })))),
]
for (const handle of handles) await handle.result().catch(() => {})
process.stdout.write('worked\n')

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
await lines.next()
release()
await holding.result()
process.stdout.write('released\n')
await lines.next()
await executor.close()
await telemetry.shutdown()
process.exit()
