import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startChild } from '../../support/child.ts'

describe('1 without the packages of OpenTelemetry', () => {
  it('the core works, and each door says which command to run', async () => {
    const child = startChild(join(import.meta.dirname, 'missing-program.ts'))
    expect(await child.line('core: ')).toBe('core: ok')
    expect(await child.line('otel: ')).toBe(
      'otel: plainsight/otel needs the package @opentelemetry/api, which cannot be loaded here; run: npm install @opentelemetry/api@^1.10.0',
    )
    expect(await child.line('start: ')).toBe(
      'start: plainsight/otel/start needs @opentelemetry/api and @opentelemetry/sdk-node, which cannot be loaded here; run: npm install @opentelemetry/api@^1.10.0 @opentelemetry/sdk-node@^0.301.0',
    )
    await child.line('end')
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
