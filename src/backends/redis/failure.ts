/** Why the Redis backend could not do its work, as an error that names the place and the next step. */

import type { RedisConnection } from '../../connections/redis.ts'
import { redisFailure } from '../../connections/redis-failure.ts'
import { refusalsOf, type Refuse } from '../../connections/refusal.ts'
import { BackendUnavailableError } from '../../task/errors.ts'

/** The error that says why `operation` failed. One of ours stays as it is. */
export function unavailable(
  error: unknown,
  operation: string,
  { place, trouble }: Pick<RedisConnection, 'place' | 'trouble'>,
): BackendUnavailableError {
  if (error instanceof BackendUnavailableError) return error
  const { reason, message, cause } = redisFailure(error, trouble)
  return refusal(reason, operation, `${place}: ${message}`, cause)
}

export const refusal: Refuse = refusalsOf('redis')

export function leaseLost(executorId: string, operation: string, place: string): Error {
  const message = `${place} does not know executor ${executorId} any more: it was taken for dead, and its records are others' now, or the keys were deleted; it registers anew by itself, so try again in a moment`
  return refusal('lease_lost', operation, message)
}
