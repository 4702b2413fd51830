import { describe, expect, it } from 'vitest'
import {
  hasBlock,
  replaceBlock,
  subjectText,
  summaryText,
  targetsText,
} from '../../../benchmarks/page.ts'
import { SUBJECTS } from '../../../benchmarks/subject.ts'
import { GOALS } from '../../../benchmarks/targets.ts'
import { readDocument } from '../../package/doc-blocks.ts'
import { report, result } from './sample-result.ts'

const PAGE = [
  '# Page',
  'by hand',
  '<!-- bench:core begin -->',
  'old',
  '<!-- bench:core end -->',
  'more by hand',
  '<!-- bench:log begin -->',
  'old log',
  '<!-- bench:log end -->',
].join('\n')

describe('a block of a page', () => {
  it('is replaced, and nothing else', () => {
    expect(replaceBlock(PAGE, 'core', '\nnew $1\n\n')).toBe(PAGE.replace('old\n', () => 'new $1\n'))
  })

  it('is the same after a second time', () => {
    const once = replaceBlock(PAGE, 'core', 'new')
    expect(replaceBlock(once, 'core', 'new')).toBe(once)
  })

  it('that is missing is named, with the lines it needs', () => {
    expect(() => replaceBlock(PAGE, 'events', 'new')).toThrow('<!-- bench:events begin -->')
    expect(hasBlock(PAGE, 'events')).toBe(false)
    expect(hasBlock(PAGE, 'log')).toBe(true)
  })
})

describe("a subject's part", () => {
  it('has the chart, the conditions, a row for each case, and the notes', () => {
    expect(subjectText(result).split('\n')).toEqual([
      '### Core: tasks & memory',
      '',
      '![Core: tasks & memory, tasks/s: a bar chart of the table below](charts/core.svg)',
      '',
      '*2026-11-21, plainsight at abc1234, Node 24.21.0, A CPU × 2, linux x64 6; 3 rounds after 1 to warm up, 12 s; load average 0.50 before, 1.25 after.*',
      '',
      '| case | version | tasks/s, median | min..max | × p-queue <fast> \\| loud |',
      '|---|---|---:|---:|---:|',
      '| plainsight | 1.2.3 | 200 | 100..300 | 1.00 |',
      '| p-queue <fast> \\| loud | 10.0.0 | 100 | 100..400 | 1.00 |',
      '',
      'Nothing else ran.',
    ])
  })
})

describe('the table of targets', () => {
  it('says what was missed, by how much, and how many rounds agree', () => {
    const text = targetsText(new Map([['core', result]]))
    expect(text.split('\n')[2]).toContain(
      '≥ 1.5 × | 1.00 (0.50..3.00) | **missed** by 33 % (1 of 3 rounds meet it) |',
    )
  })

  it('names every target that no result speaks of', () => {
    const text = targetsText(new Map([['core', result]]))
    const missing = Object.values(GOALS).filter(({ what }) => what !== GOALS['core: p-queue'].what)
    for (const { what } of missing) expect(text.split('Not measured yet:')[1]).toContain(what)
  })

  it('comes in the order of targets.ts, whatever ran first', () => {
    const log = { ...result.report.targets[0], ...GOALS['log: unwanted'], id: 'log: unwanted' }
    const other = { ...result, subject: 'log', report: { ...report, targets: [log] } }
    const text = targetsText(
      new Map([
        ['log', other as typeof result],
        ['core', result],
      ]),
    )
    expect(text.indexOf(GOALS['core: p-queue'].what)).toBeLessThan(
      text.indexOf(GOALS['log: unwanted'].what),
    )
  })
})

describe('the summary', () => {
  const results = new Map([['core', result]])

  it('has a row for each of its targets that was measured, met or not', () => {
    const text = summaryText(results, { chart: 'sqlite', ids: ['core: p-queue', 'log: unwanted'] })
    expect(text.split('\n').slice(2)).toEqual([
      `| ${GOALS['core: p-queue'].what} | 1.00 × | ≥ 1.5 × |`,
    ])
  })

  it('shows a chart that there is', () => {
    const text = summaryText(results, { chart: 'core', ids: [] })
    expect(text).toContain('![Core: tasks & memory: a bar chart](docs/charts/core.svg)')
  })
})

describe('docs/performance.md', () => {
  it('has a place for every subject, and for the targets', () => {
    const page = readDocument('docs/performance.md')
    expect([...SUBJECTS, 'targets'].filter((name) => !hasBlock(page, name))).toEqual([])
  })

  it('is summed up in the README', () => {
    expect(hasBlock(readDocument('README.md'), 'summary')).toBe(true)
  })
})
