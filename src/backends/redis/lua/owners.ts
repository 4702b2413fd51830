/** Executors as the store knows them; and opening it. */

/**
 * `O name token fresh schema`: answers `ok`, the token that is registered and the time; or what is wrong.
 * `B token`: answers `lost`, or the time and pairs of an id and its cancel request.
 * `D token`: answers pairs of a name and for how long, in milliseconds, it could have beaten and has not; −1 when it is not
 * registered.
 * `X token`: ends a registration.
 */
export const OWNERS: string = String.raw`
local function stamp() return string.format('%.0f', nowMs()) end

-- Beats come every 5 s, and a lease is 15 s: after so long without one of anybody, those who live could not beat, and have
-- all of their time from now on. Kept here, so that who comes just after an outage knows of it.
local QUIET = 10000
local function hear()
  local now, heard = nowMs(), tonumber(call('HGET', META, 'heard') or '')
  if not heard or now - heard > QUIET or now < heard then call('HSET', META, 'since', stamp()) end
  call('HSET', META, 'heard', stamp())
end

local TYPES = {
  hash = { META, IDS, SPEC, STATE, OWNERS, FREE, GROUPS, CANCEL, KEYSHELD, KEYOF, RETRIED, PROGRESS, COUNT, CREATED, CANCELFENCE, ASKED },
  zset = { LATER, ORPHANS },
  set = { CANCELLING },
}

-- Does once whatever a script may have to do: a user who may not do all of it finds out now, and not in the middle.
local function tryEverything()
  local key = base .. 'try:'
  local hash, set, zset, list = key .. 'h', key .. 's', key .. 'z', key .. 'l'
  call('UNLINK', hash, set, zset, list)
  call('HSET', hash, 'a', 1)
  call('HSETNX', hash, 'b', 1)
  call('HINCRBY', hash, 'b', 1)
  call('HGET', hash, 'a')
  call('HMGET', hash, 'a', 'b')
  call('HEXISTS', hash, 'a')
  call('HSTRLEN', hash, 'a')
  call('HKEYS', hash)
  call('HGETALL', hash)
  call('HDEL', hash, 'a')
  call('SADD', set, 1)
  call('SCARD', set)
  call('SMEMBERS', set)
  call('SRANDMEMBER', set, 1)
  call('SINTER', set)
  call('SREM', set, 1)
  call('ZADD', zset, 1, 'a')
  call('ZCARD', zset)
  call('ZRANGE', zset, 0, 0)
  call('ZRANGEBYSCORE', zset, 0, 1)
  call('ZREVRANGEBYSCORE', zset, 1, 0)
  call('ZMSCORE', zset, 'a')
  call('ZREM', zset, 'a')
  call('RPUSH', list, 'a')
  call('LINDEX', list, -1)
  call('LRANGE', list, 0, -1)
  call('EXISTS', hash)
  call('UNLINK', hash, list)
end

ops.O = function()
  local name, token, fresh, schema = A[i + 1], A[i + 2], A[i + 3], A[i + 4]
  i = i + 5
  for wanted, keys in pairs(TYPES) do
    for _, key in ipairs(keys) do
      local got = call('TYPE', key).ok
      if got ~= 'none' and got ~= wanted then return { 'wrong_type', key, got } end
    end
  end
  tryEverything()
  local found = call('HGET', META, 'schema')
  if not found then
    if call('EXISTS', META) == 1 and call('HEXISTS', META, 'seq') == 0 then return { 'foreign', META } end
    call('HSET', META, 'schema', schema)
  elseif found ~= schema then
    return { 'schema', found }
  end
  if call('HEXISTS', META, 'seq') == 0 then call('HSET', META, 'seq', firstSeq()) end
  hear()
  local former, registered = match(call('HGET', OWNERS, name) or '', '^(%S+) (%d)')
  standing = {}
  if registered == '1' and (former == token or former == fresh) then
    call('HSET', OWNERS, name, former .. ' 1 ' .. stamp())
    return { 'ok', former, string.format('%.0f', nowMs()) }
  end
  -- What an earlier executor of this id left is to be adopted like anybody's, not to be taken for ours.
  if former and call('EXISTS', base .. 'own:' .. former) == 1 then
    call('HSET', OWNERS, former, former .. ' 0 0')
  end
  call('HSET', OWNERS, name, fresh .. ' 1 ' .. stamp())
  return { 'ok', fresh, string.format('%.0f', nowMs()) }
end

ops.B = function()
  local token = A[i + 1]
  i = i + 2
  standing[token] = nil
  if not stands(token) then return 'lost' end
  hear()
  call('HSET', OWNERS, match(token, '^[^~]*'), token .. ' 1 ' .. stamp())
  local asked = call('SMEMBERS', CANCELLING)
  if #asked == 0 then return { stamp() } end
  table.sort(asked, byNumber)
  local states = mget(STATE, asked)
  local mine = {}
  for k = 1, #asked do
    if states[k] and match(states[k], '^.(%S*) ') == token then mine[#mine + 1] = asked[k] end
  end
  local specs, requests = mget(SPEC, mine), mget(CANCEL, mine)
  local found = { stamp() }
  for k = 1, #mine do
    found[#found + 1] = match(specs[k] or '', '^%S*')
    found[#found + 1] = requests[k] or '{}'
  end
  return found
end

ops.D = function()
  local token = A[i + 1]
  i = i + 2
  local now, found = nowMs(), {}
  local since = tonumber(call('HGET', META, 'since') or '0')
  local all = call('HGETALL', OWNERS)
  for k = 1, #all, 2 do
    local theirs, registered, beat = match(all[k + 1], '^(%S+) (%d) (%d+)$')
    if not theirs then
      call('HDEL', OWNERS, all[k])
    elseif theirs ~= token then
      if registered == '1' then
        found[#found + 1] = all[k]
        found[#found + 1] = math.max(now - math.max(beat, since), 0)
      elseif call('EXISTS', base .. 'own:' .. theirs) == 1 then
        found[#found + 1] = all[k]
        found[#found + 1] = -1
      else
        call('HDEL', OWNERS, all[k])
        call('HDEL', ASKED, theirs)
      end
    end
  end
  return found
end

ops.X = function()
  local token = A[i + 1]
  local name = match(token, '^[^~]*')
  i = i + 2
  standing[token] = nil
  if not stands(token) then return 0 end
  standing[token] = nil
  call('HDEL', ASKED, token)
  if call('EXISTS', base .. 'own:' .. token) == 1 then
    call('HSET', OWNERS, name, token .. ' 0 ' .. stamp())
  else
    call('HDEL', OWNERS, name)
  end
  return 1
end
`
