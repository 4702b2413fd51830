/** A small stable hash for grouping, not for security. */

/** Two 32-bit FNV-1a hashes of `text` with different offsets, as 16 hex digits. Source: RFC 9923 §2. */
export function fnv1a(text: string): string {
  let low = 0x811c9dc5
  let high = 0xcbf29ce4
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    low = Math.imul(low ^ unit, 0x01000193)
    high = Math.imul(high ^ unit, 0x01000193)
  }
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}
