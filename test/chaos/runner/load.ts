/** Finds a suite by its name in a list of suites. */

import { pathToFileURL } from 'node:url'
import type { Suite, SuiteModule } from '../suite.ts'

export type SuiteList = Readonly<Record<string, () => Promise<SuiteModule>>>

/** The list that a file exports as `suites`. */
export async function suiteList(path: string): Promise<SuiteList> {
  return ((await import(pathToFileURL(path).href)) as { suites: SuiteList }).suites
}

export async function loadSuite(list: SuiteList, name: string): Promise<Suite> {
  const load = list[name]
  if (load === undefined) throw new Error(`no suite "${name}"`)
  const module = await load()
  return 'suite' in module ? module.suite : module
}
