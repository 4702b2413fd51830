/** Replaces a file at once: whoever reads it sees the old text or the new, never a part. */

import { renameSync, writeFileSync } from 'node:fs'

export function writeWhole(path: string, text: string): void {
  const beside = `${path}.${process.pid}.tmp`
  writeFileSync(beside, text)
  renameSync(beside, path)
}
