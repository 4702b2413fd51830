/**
 * Makes every character of users' text visible, so that no text can end a line, colour or move a terminal, or
 * reverse what follows: one event stays one line, whatever it says.
 *
 * Both functions replace: DEL and C1 (U+007F–9F), bidi controls, line and paragraph separators, and everything of no
 * width (soft hyphen, U+200B–F, U+2060–F, U+FEFF, fillers, tag characters).
 */

const HIDDEN =
  '\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e' +
  '\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}'

const HIDDEN_IN_JSON = new RegExp(`[${HIDDEN}]`, 'gu')
// With the u flag a surrogate in a class matches only when it stands alone.
const HIDDEN_IN_TEXT = new RegExp(`[\\u0000-\\u001f\\ud800-\\udfff${HIDDEN}]`, 'gu')

/** Escapes free text for a line that people read: `\n`, `\r`, `\t`, and `\uXXXX` for all else that does not show. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN_IN_TEXT, (match) => SHORT[match] ?? unicodeEscape(match))
}

/** Escapes, in JSON text, what `JSON.stringify` leaves as it is; the parsed value stays the same. */
export function visibleJson(json: string): string {
  return json.replace(HIDDEN_IN_JSON, unicodeEscape)
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function unicodeEscape(match: string): string {
  let text = ''
  for (let index = 0; index < match.length; index++) {
    text += `\\u${match.charCodeAt(index).toString(16).padStart(4, '0')}`
  }
  return text
}
