/** The hash that tells whether two inputs are the same. */

/** SHA-256 of the canonical JSON: keys sorted, so that their order does not matter. Source: RFC 8785, keys only. */
export function inputHash(inputJson: string | undefined): string {
  const canonical = inputJson === undefined ? '' : JSON.stringify(sorted(JSON.parse(inputJson)))
  return process
    .getBuiltinModule('node:crypto')
    .createHash('sha256')
    .update(canonical)
    .digest('base64url')
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  // Pairs instead of an object: integer-like keys and `__proto__` keep their sorted place.
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return { entries: entries.map(([key, item]) => [key, sorted(item)]) }
}
