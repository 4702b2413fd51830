import { describe, expect, it } from 'vitest'
import { traceIdOf } from '../../../src/task/trace-id.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

describe('traceIdOf', () => {
  it.each([
    [{ traceparent: `00-${TRACE}-${SPAN}-01` }, TRACE],
    [{ traceparent: `cc-${TRACE}-${SPAN}-01-later` }, TRACE],
    [{ b3: `${TRACE}-${SPAN}-1` }, TRACE],
    [{ b3: SPAN.padEnd(16, '0') + `-${SPAN}` }, SPAN],
    [{ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }, TRACE],
    [{ traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` }, undefined],
    [{ traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` }, undefined],
    [{ traceparent: '' }, undefined],
    [{ b3: '0' }, undefined],
    [{ b3: `${'0'.repeat(32)}-${SPAN}` }, undefined],
    [{ 'uber-trace-id': `${TRACE}:${SPAN}:0:1` }, undefined],
    [{}, undefined],
    [undefined, undefined],
  ])('of %o is %s', (carrier, expected) => {
    expect(traceIdOf(carrier)).toBe(expected)
  })
})
