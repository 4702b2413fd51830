import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publish, render, type Places } from '../../../benchmarks/publish.ts'
import { readResult } from '../../../benchmarks/results.ts'
import { result } from './sample-result.ts'

let root = ''
let places: Places

function block(name: string): string {
  return `<!-- bench:${name} begin -->\nold ${name}\n<!-- bench:${name} end -->\n`
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'plainsight-publish-'))
  places = {
    page: join(root, 'performance.md'),
    charts: join(root, 'charts'),
    readme: join(root, 'README.md'),
    results: join(root, 'results'),
  }
  writeFileSync(places.page, `By hand.\n${block('targets')}${block('core')}${block('log')}`)
  writeFileSync(places.readme, `A readme.\n${block('summary')}`)
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('a result that is published', () => {
  it('is kept, drawn, and written into its own place only', () => {
    publish(result, places)
    expect(readResult(places.results, 'core')).toEqual(result)
    expect(readFileSync(join(places.charts, 'core.svg'), 'utf8')).toContain('<svg ')
    const page = readFileSync(places.page, 'utf8')
    expect(page).toContain('By hand.')
    expect(page).toContain('### Core: tasks & memory')
    expect(page).toContain(block('log'))
    expect(page).not.toContain('old targets')
    expect(readFileSync(places.readme, 'utf8')).toContain('beside p-queue | 1.00 × | ≥ 1.5 × |')
  })

  it('leaves every page as it was when one of them has no place for it', () => {
    const before = readFileSync(places.page, 'utf8')
    writeFileSync(places.readme, 'A readme without a place.\n')
    expect(() => publish(result, places)).toThrow('no place for "summary"')
    expect(readFileSync(places.page, 'utf8')).toBe(before)
    expect(readdirSync(root)).not.toContain('charts')
  })

  it('is rendered again to the same bytes, without a file left beside', () => {
    publish(result, places)
    const before = readFileSync(places.page, 'utf8')
    render(['core', 'log'], places)
    expect(readFileSync(places.page, 'utf8')).toBe(before)
    expect(readdirSync(root).toSorted()).toEqual([
      'README.md',
      'charts',
      'performance.md',
      'results',
    ])
  })
})
