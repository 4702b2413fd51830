import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visibleJson, visibleText } from '../../../src/observers/visible-text.ts'

const codes = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index))
const hidden = [
  ...codes(0, 0x1f),
  ...codes(0x7f, 0x9f),
  ...codes(0x202a, 0x202e),
  ...codes(0x2066, 0x2069),
  ...codes(0x2028, 0x2029),
  ...codes(0x200b, 0x200f),
  '\u00ad',
  '\u2060',
  '\ufeff',
  '\u{e0041}',
]

describe('visibleText', () => {
  it('leaves none of what does not show', () => {
    for (const character of hidden)
      expect(visibleText(`a${character}b`)).toMatch(/^a(\\[nrt]|(\\u[0-9a-f]{4})+)b$/)
  })

  it('leaves all else as it is', () => {
    const text = 'C:\\path "quoted" é 漢字 😀 عربي'
    expect(visibleText(text)).toBe(text)
  })

  it('gives well-formed text, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visibleText(`${text}\ud800`)
        // oxlint-disable-next-line no-control-regex -- what must not be there
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/)
        expect(Buffer.from(shown).toString()).toBe(shown)
      }),
    )
  })
})

describe('visibleJson', () => {
  it('changes no value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...hidden), (text, character) => {
        const value = { [text]: text + character }
        const json = visibleJson(JSON.stringify(value))
        expect(json).not.toContain(character)
        expect(JSON.parse(json)).toEqual(value)
      }),
    )
  })
})
