import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { StandardSchema } from '../../../src/task/standard-schema.ts'
import { validateInput } from '../../../src/task/validate.ts'

const schemaOf = (validate: (value: unknown) => unknown): StandardSchema =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as unknown as StandardSchema

describe('validateInput', () => {
  it('gives the parsed value at once for a synchronous schema', () => {
    const schema = z.object({ n: z.coerce.number().default(7) })
    expect(validateInput(schema, 't', {})).toEqual({ ok: true, value: { n: 7 } })
  })

  it('names path, expectation and finding, and never the value', () => {
    const schema = z.object({ items: z.array(z.object({ price: z.number() })) })
    const input = { items: [{ price: 1 }, { price: 'secret' }] }
    expect(validateInput(schema, 'pay', input)).toMatchObject({
      ok: false,
      error: {
        code: 'INPUT_INVALID',
        taskName: 'pay',
        path: 'items[1].price',
        expected: 'number',
        got: 'string',
        message: 'task "pay": input is invalid at "items[1].price": expected number, got string',
      },
    })
  })

  it('takes valibot’s paths too', () => {
    const schema = v.object({ items: v.array(v.number()) })
    expect(validateInput(schema, 't', { items: [1, 'x'] })).toMatchObject({
      ok: false,
      error: { path: 'items[1]' },
    })
  })

  it('counts what else is wrong', () => {
    const schema = z.object({ a: z.number(), b: z.number() })
    const result = validateInput(schema, 't', {})
    expect(result).toMatchObject({ ok: false, error: { issues: [{ path: 'a' }, { path: 'b' }] } })
    expect((result as { error: Error }).error.message).toMatch(/\(and 1 more\)$/)
  })

  it('waits for an asynchronous schema', async () => {
    const schema = z.string().refine(async (text) => text !== 'bad')
    await expect(
      validateInput(
        schemaOf(async (value) => ({ value })),
        't',
        1,
      ),
    ).resolves.toEqual({ ok: true, value: 1 })
    await expect(
      validateInput(
        schemaOf((value) => schema['~standard'].validate(value)),
        't',
        'bad',
      ),
    ).resolves.toMatchObject({ ok: false })
  })

  it.each<[string, (value: unknown) => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('bug')
      },
      'the schema threw: bug',
    ],
    ['rejects', () => Promise.reject(new Error('bug')), 'the schema threw: bug'],
    [
      'throws no error',
      () => {
        throw 'bug'
      },
      'the schema threw: bug',
    ],
    ['answers nothing', () => undefined, 'the schema threw: '],
    ['answers nothing later', async () => undefined, 'the schema threw: '],
    ['answers nonsense issues', () => ({ issues: [null] }), 'the schema threw: '],
  ])('finds the input invalid when the schema %s', async (_what, validate, message) => {
    expect(await validateInput(schemaOf(validate), 't', 1)).toMatchObject({
      ok: false,
      error: { code: 'INPUT_INVALID', message: expect.stringContaining(message) },
    })
  })
})
