/** The one script by which everything is written and read: what was asked for since the last one, in order. */

import { redisScript, type RedisScript } from '../../connections/redis.ts'
import { CLAIM } from './lua/claim.ts'
import { COMMON, MAIN } from './lua/common.ts'
import { INSERT } from './lua/insert.ts'
import { OWNERS } from './lua/owners.ts'
import { LIST, READ } from './lua/read.ts'
import { SWEEP } from './lua/sweep.ts'
import { APPEND, UPDATE } from './lua/update.ts'

/** For the path of every task: small, because Redis makes its functions anew for each call. */
export const TASK_SCRIPT: RedisScript = redisScript([COMMON, INSERT, UPDATE, MAIN].join(''))

/** All of it. */
export const WHOLE_SCRIPT: RedisScript = redisScript(
  [COMMON, INSERT, UPDATE, APPEND, CLAIM, OWNERS, SWEEP, READ, LIST, MAIN].join(''),
)
