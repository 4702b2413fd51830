/** Whether anybody listens: what the API answers while nothing is registered, and what it stands in for. */

/** Whether a provider does nothing, as `isSilent` says; quick for the one that did nothing when asked before. */
export function createSilence<Provider extends object>(
  isSilent: (provider: Provider) => boolean,
): (provider: Provider) => boolean {
  let silent: object | undefined
  return (provider) => {
    const found = behind(provider)
    if (found === silent) return true
    if (!isSilent(found)) return false
    silent = found
    return true
  }
}

interface StandIn<Provider> {
  getDelegate?(): Provider
  _getDelegate?(): Provider
}

/** What is registered may be a stand-in: answers what it stands for now. */
export function behind<Provider extends object>(provider: Provider): Provider {
  const standIn = provider as StandIn<Provider>
  if (standIn.getDelegate !== undefined) return standIn.getDelegate()
  return standIn._getDelegate?.() ?? provider
}

/** Whether two objects are of one class. */
export function isAlike(one: object, other: object): boolean {
  return Object.getPrototypeOf(one) === Object.getPrototypeOf(other)
}
