/**
 * Preloaded with `--import`: a program that imports `plainsight` gets this checkout's source, wherever the program lies,
 * and finds the packages installed here. So what the docs print is what runs, with nothing rewritten.
 */

import { registerHooks } from 'node:module'

const root = new URL('../../', import.meta.url)

registerHooks({
  resolve(specifier, context, next) {
    const [, door] = /^plainsight(?:\/([\w/-]+))?$/.exec(specifier) ?? []
    if (specifier.startsWith('plainsight')) {
      return {
        url: new URL(`src/${door?.replace('/', '-') ?? 'index'}.ts`, root).href,
        shortCircuit: true,
      }
    }
    const isPackage = /^[a-z@]/.test(specifier) && !specifier.includes(':')
    return next(specifier, isPackage ? { ...context, parentURL: root.href } : context)
  },
})
