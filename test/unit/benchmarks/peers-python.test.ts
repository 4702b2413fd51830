import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { answerOf } from '../../../benchmarks/peers-python/answer.ts'
import { pythonVersionOf } from '../../../benchmarks/peers-python/environment.ts'

const answer = { tasks: 5_000, seconds: 1.5, sum: 12_497_500, lines: 25_000 }

describe('the answer of a Python program', () => {
  it('is the last line of what it prints', () => {
    expect(answerOf(`a warning of a library\n${JSON.stringify(answer)}\n`)).toEqual(answer)
  })

  it.each([
    ['nothing', ''],
    ['something else', 'done'],
    ['a part of it', JSON.stringify({ tasks: 1, seconds: 2, sum: 3 })],
    ['text for a number', JSON.stringify({ ...answer, seconds: '1.5' })],
  ])('is refused when it is %s', (_, output) => {
    expect(() => answerOf(output)).toThrow('expected one line of JSON')
  })
})

describe('requirements.txt', () => {
  it('pins every package', () => {
    const path = new URL('../../../benchmarks/peers-python/requirements.txt', import.meta.url)
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    const packages = lines.filter((line) => !line.startsWith('#'))
    expect(packages.filter((line) => !/^[\w-]+==\d[\w.]*$/.test(line))).toEqual([])
    expect(packages).not.toEqual([])
  })

  it('says which version is measured, of a package and not of one whose name begins alike', () => {
    expect(pythonVersionOf('fastapi-taskflow')).toMatch(/^\d+\.\d+\.\d+$/)
    expect(pythonVersionOf('fastapi')).not.toBe(pythonVersionOf('fastapi-taskflow'))
    expect(() => pythonVersionOf('flask')).toThrow('flask is not in')
  })
})
