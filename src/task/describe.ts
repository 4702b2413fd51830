/** Says in a few words what a value is, for error messages: never long, never a secret that is known as one, never throws. */

/** A short description of `value`, such as `number -1`, `string "abc"`, `an array of 3` or `a Date`. */
export function describeValue(value: unknown): string {
  try {
    return describe(value)
  } catch {
    return 'a value that cannot be inspected'
  }
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `string ${JSON.stringify(shortened(withoutCredentials(value)))}`
    case 'number':
      return `number ${Object.is(value, -0) ? '-0' : String(value)}`
    case 'bigint':
      return value > 999_999_999_999n || value < -999_999_999_999n
        ? 'a large bigint'
        : `bigint ${value}n`
    case 'boolean':
      return `boolean ${value}`
    case 'undefined':
      return 'undefined'
    case 'symbol':
      return 'a symbol'
    case 'function':
      return 'a function'
    case 'object':
      return value === null ? 'null' : describeObject(value)
  }
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** Of a URL: what stands before its host, and its query, may be a password, a token. */
function withoutCredentials(text: string): string {
  const scheme = /^[a-z][\w+.-]*:\/\//i.exec(text)?.[0]
  if (scheme === undefined) return text
  const rest = text.slice(scheme.length)
  return scheme + rest.replace(/^.*@/s, '…@').replace(/\?.*$/s, '?…')
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name: unknown = (
    Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null
  )?.constructor?.name
  if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object'
  return `a ${name.slice(0, 60)}`
}
