import { expect, it } from 'vitest'
import { durationText } from '../../../src/observers/duration-text.ts'

it.each([
  [0, '0ms'],
  [0.04, '0ms'],
  [0.44, '0.4ms'],
  [9.96, '10ms'],
  [12.4, '12ms'],
  [999.4, '999ms'],
  [999.6, '1s'],
  [1_234, '1.2s'],
  [59_949, '59.9s'],
  [59_999, '1m'],
  [125_000, '2m 5s'],
  [3_599_700, '1h'],
  [3_720_000, '1h 2m'],
  [277_200_000, '3d 5h'],
  [-5, '0ms'],
  [Number.NaN, '0ms'],
])('%d ms reads %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})
