/** One case in a process of its own: no other case has touched its heap or the types its code was compiled for. */

import type { Case } from './rounds.ts'
import type { SubjectName } from './subject.ts'
import { subjects } from './subjects.ts'

const [subjectName = '', caseName] = process.argv.slice(2)
const subject = await subjects[subjectName as SubjectName]()
const measured = subject.cases().find(({ name }) => name === caseName)
if (measured === undefined) throw new Error(`no case "${caseName}" in "${subjectName}"`)

process.on('message', () => void measure(measured))
// Whoever asked is done, or dead: nothing of a case outlives it.
process.on('disconnect', () => process.exit())

async function measure({ run }: Case): Promise<void> {
  const value = await run()
  process.send?.(value)
}
