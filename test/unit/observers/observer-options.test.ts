import { describe, expect, it } from 'vitest'
import { observerFilter } from '../../../src/observers/observer-options.ts'

const filter = (options: object): unknown =>
  observerFilter(options, { name: 'pager', minLevel: 'info' }, 'pagerObserver: ')

describe('observerFilter', () => {
  it('has defaults, and leaves out what was not given', () => {
    expect(filter({})).toEqual({ name: 'pager', minLevel: 'info' })
  })

  it('takes rules, types and lifecycle', () => {
    const options = {
      name: 'ops',
      minLevel: { default: 'warn', 'billing.*': 'debug', 'tag:plan=pro': 'debug' },
      types: ['task.failed'],
      lifecycle: false,
    }
    expect(filter(options)).toEqual(options)
  })

  it.each([
    [{ name: 5 }, 'option "name" must be a string of 1 to 200 characters; got number 5'],
    [
      { minLevel: 'loud' },
      'option "minLevel" must be one of "debug", "info", "warning" (or "warn"), "error"; got string "loud"',
    ],
    [{ minLevel: null }, 'option "minLevel" must be one of'],
    [{ minLevel: { 'billing.*': 'loud' } }, 'option "minLevel["billing.*"]" must be one of'],
    [{ types: 'task.failed' }, 'option "types" must be a list of event types'],
    [{ types: ['task.finished'] }, '(there is no string "task.finished")'],
    [{ types: ['toString'] }, '(there is no string "toString")'],
    [{ lifecycle: 1 }, 'option "lifecycle" must be true or false; got number 1'],
  ])('refuses %o', (options, message) => {
    expect(() => filter(options)).toThrow('pagerObserver: option')
    expect(() => filter(options)).toThrow(message)
  })
})
