/** Suites that pass, fail and crash on purpose, for the tests of the runner. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { CaseReport, Suite, SuiteModule } from '../suite.ts'

const suite = (name: string, cases: Readonly<Record<string, () => unknown>>): Suite => ({
  name,
  cases: ({ seed, rounds }) =>
    Object.entries(cases).map(([each, body]) => ({
      name: each,
      async run(): Promise<CaseReport> {
        const breaches = (await body()) as readonly string[] | undefined
        return { counts: `seed ${seed}, rounds ${rounds}`, breaches: breaches ?? [] }
      },
    })),
})
const pass = (): void => {}

export const suites: Readonly<Record<string, () => Promise<SuiteModule>>> = {
  good: () => Promise.resolve(suite('good', { one: pass, two: pass, three: pass })),
  bad: () => Promise.resolve(suite('bad', { broken: () => ['a promise is broken'], well: pass })),
  crashing: () =>
    Promise.resolve({
      suite: suite('crashing', {
        'before it': pass,
        'throws late': () => {
          setTimeout(() => {
            throw new Error('nobody catches this')
          })
          return sleep(5_000, undefined, { ref: false })
        },
        'rejects into the void': () => {
          void Promise.reject(new Error('nobody handles this'))
          return sleep(5_000, undefined, { ref: false })
        },
        'after it': pass,
      }),
    }),
  warning: () =>
    Promise.resolve(
      suite('warning', {
        warns() {
          process.emitWarning('too much of it')
          return sleep(5).then(() => undefined)
        },
      }),
    ),
  missing: () => Promise.reject(new Error('there is no such module')),
}
