import { redisConformance } from '../../support/redis-conformance.ts'
import { redisUrl } from '../../support/shared-redis.ts'

redisConformance('Redis', redisUrl)
