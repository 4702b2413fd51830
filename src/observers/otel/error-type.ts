/** `error.type`: few values for many errors, the same on span, metric and record. */

import type { FailureReason } from '../../task/outcome.ts'
import { ERROR_TYPE } from './semconv.ts'

/** Class names, as they are written; a name that is none is somebody's sentence. */
const CLASS_NAME = /^[\p{L}_$][\p{L}\p{N}_$.:-]{0,99}$/u
/** So many kinds are told apart in one process: a class named after an id must not make a series of its own. */
const MAX_TYPES = 100

/** Answers the type of a failure, of its reason and the error's name. */
export function createErrorTypes(): (
  reason: FailureReason | (string & {}) | undefined,
  name: string | undefined,
) => string {
  const known = new Set<string>()
  return (reason, name) => {
    if (reason === 'timeout') return ERROR_TYPE.timeout
    if (name === undefined || name === 'NonError' || !CLASS_NAME.test(name)) return ERROR_TYPE.other
    if (known.has(name)) return name
    if (known.size >= MAX_TYPES) return ERROR_TYPE.other
    known.add(name)
    return name
  }
}
