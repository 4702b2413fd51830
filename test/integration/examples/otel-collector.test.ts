import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../src/testing/wait-for.ts'
import { startChild } from '../../support/child.ts'
import { otlpReceiver, type Receiver, type WireSpan } from '../../support/otlp-receiver.ts'

const root = join(import.meta.dirname, '../../..')
const program = join(root, 'examples/otel-collector/main.ts')
const fromSource = join(root, 'test/support/from-source.ts')

let receiver: Receiver
beforeEach(async () => {
  receiver = await otlpReceiver()
})
afterEach(() => receiver.close())

describe('examples/otel-collector', () => {
  it('one trace from the request to the call that the task makes, and nothing lost at SIGTERM', async () => {
    const shop = startChild(program, [], {
      execArgv: ['--import', fromSource],
      env: { PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    })
    const url = (await shop.line('listening on ')).slice('listening on '.length)
    const response = await fetch(`${url}/orders/42`, { method: 'POST' })
    expect(response.status).toBe(202)
    const { id } = (await response.json()) as { readonly id: string }
    await waitFor(() => receiver.records.some((each) => each.eventName.endsWith('succeeded')), {
      what: 'the record that the task has succeeded',
      timeout: '20s',
    })
    shop.kill('SIGTERM')
    expect(await shop.ended).toEqual({ code: 0, signal: null, stderr: '' })
    expect(shop.lines.at(-1)).toBe('all telemetry was delivered')

    const chain: WireSpan[] = []
    let parent = ''
    for (;;) {
      const next = receiver.spans.filter((span) => span.parentSpanId === parent)
      if (next.length === 0) break
      expect(next.map(({ name }) => name)).toHaveLength(1)
      chain.push(...next)
      parent = next[0]?.spanId ?? ''
    }
    expect(chain).toHaveLength(receiver.spans.length)
    expect(chain.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'SERVER POST /orders/:order',
      'PRODUCER enqueue tell-warehouse',
      'CONSUMER process tell-warehouse',
      'CLIENT POST',
      'SERVER POST /warehouse',
    ])
    expect(new Set(chain.map(({ traceId }) => traceId)).size).toBe(1)
    expect(chain.map(({ resource }) => resource['service.name'])).toEqual(Array(5).fill('shop'))
    const attempt = chain[2]
    const line = receiver.records.find(({ body }) => body === 'telling the warehouse')
    expect(line).toMatchObject({
      traceId: attempt?.traceId,
      spanId: attempt?.spanId,
      attributes: { 'messaging.message.id': id, order: 42 },
    })
  })
})
