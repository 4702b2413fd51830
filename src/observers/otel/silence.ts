/** Whether anybody listens: what the API answers while nothing is registered does nothing, and is told by its shape. */

/** Whether a provider does nothing; quick for the one that did nothing when asked before. */
export function createSilence(): (provider: object) => boolean {
  let silent: object | undefined
  return (provider) => {
    const found = behind(provider)
    if (found === silent) return true
    if (!isSilent(found)) return false
    silent = found
    return true
  }
}

/** Whether what `provider` gives does nothing: it is the API's own, which has this one method, and no state. */
export function isSilent(provider: object): boolean {
  const found = behind(provider)
  const prototype = Object.getPrototypeOf(found) as object | null
  if (prototype === null || prototype === Object.prototype) return false
  const names = [...Object.keys(found), ...Object.getOwnPropertyNames(prototype)]
  return names.every((name) => /^(constructor|getTracer|getLogger|getMeter)$/.test(name))
}

interface StandIn {
  getDelegate?(): object
  _getDelegate?(): object
}

/** What is registered may be a stand-in: answers what it stands for now. */
export function behind(provider: object): object {
  const standIn = provider as StandIn
  if (standIn.getDelegate !== undefined) return standIn.getDelegate()
  return standIn._getDelegate?.() ?? provider
}
