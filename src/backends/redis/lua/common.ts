/**
 * What every part of the script uses. A store is a few large hashes by position, which are read and written for many
 * records with one command; see docs/redis.md for the keys.
 *
 * - `spec`: `id parent name queue priority createdAt`, a line of tags, then the text of the spec;
 * - `state`: the digit of the status, `owner fence mark `, then the text of the state; the mark is when it ended, or `@` and
 *   when a live one is due, or `h` for one that is held, or nothing;
 * - `owners`: `token registered beat`, the beat in server time; a token is `name~…`, another for each registration;
 * - `free`: of what a claim may take: `dueAt priority queue name`, without a `dueAt` when it is due;
 * - `keys`: `position id heldUntil inputHash` by the hash of an idempotency key.
 *
 * Positions have ten digits until there are eight thousand million of them: as texts they sort like numbers.
 */
export const COMMON: string = String.raw`
local A, i = ARGV, 1
local call = redis.call
local base = string.sub(KEYS[1], 1, -5)
local floor, byte, sub, match = math.floor, string.byte, string.sub, string.match
local META, IDS, SPEC, STATE = KEYS[1], base .. 'ids', base .. 'spec', base .. 'state'
local OWNERS, FREE, LATER, GROUPS = base .. 'owners', base .. 'free', base .. 'later', base .. 'groups'
local CANCEL, CANCELLING = base .. 'cancel', base .. 'cancelling'
local KEYSHELD, KEYOF, ORPHANS = base .. 'keys', base .. 'keyof', base .. 'orphans'
local RETRIED, PROGRESS, COUNT = base .. 'retried', base .. 'progress', base .. 'count'
local CREATED, CANCELFENCE, ASKED = base .. 'created', base .. 'cancelfence', base .. 'asked'
local ops, out = {}, {}

-- Lua's stack takes about 8,000 values.
local function many(command, key, list)
  local n = #list
  if n == 0 then return end
  if n <= 4000 then
    call(command, key, unpack(list))
    return
  end
  for from = 1, n, 4000 do
    call(command, key, unpack(list, from, math.min(from + 3999, n)))
  end
end

local function mget(key, fields)
  local n = #fields
  if n == 0 then return {} end
  if n <= 4000 then return call('HMGET', key, unpack(fields)) end
  local all = {}
  for from = 1, n, 4000 do
    local to = math.min(from + 3999, n)
    local part = call('HMGET', key, unpack(fields, from, to))
    for k = from, to do all[k] = part[k - from + 1] end
  end
  return all
end

local function push(lists, key, value)
  local list = lists[key]
  if list then list[#list + 1] = value else lists[key] = { value } end
end

local function nowMs()
  local time = call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

-- Positions by bucket of 512: each bucket of an index is a set that Redis keeps as sorted integers of 4 bytes.
local function parts(positions)
  local found = {}
  for k = 1, #positions do push(found, floor(positions[k] / 512), positions[k]) end
  return found
end

local function addTo(kind, value, found)
  for bucket, list in pairs(found) do
    many('SADD', base .. 'i' .. kind .. ':' .. bucket .. ':' .. value, list)
    call('ZADD', base .. 'b' .. kind .. ':' .. value, bucket, bucket)
  end
end

local function removeFrom(kind, value, found)
  for bucket, list in pairs(found) do
    local key = base .. 'i' .. kind .. ':' .. bucket .. ':' .. value
    many('SREM', key, list)
    if call('EXISTS', key) == 0 then call('ZREM', base .. 'b' .. kind .. ':' .. value, bucket) end
  end
end

-- Whether the registration of an owner stands.
local standing = {}
local function stands(token)
  local known = standing[token]
  if known == nil then
    local entry = call('HGET', OWNERS, match(token, '^[^~]*'))
    local wanted = token .. ' 1 '
    known = entry and sub(entry, 1, #wanted) == wanted or false
    standing[token] = known
  end
  return known
end

-- A call that was on its way over a connection that died, while its caller asked over another one what it has been given.
local function isLate(token, asked)
  return tonumber(call('HGET', ASKED, token) or 0) > asked
end

-- Unowned records that a claim may take.
local hasFree = false
local freed, later, waiting, grouped = {}, {}, {}, {}
local function offer(pos, dueAt, priority, group)
  freed[#freed + 1] = pos
  freed[#freed + 1] = dueAt .. ' ' .. priority .. ' ' .. group
  if dueAt == '' then
    push(waiting, group, -priority)
    push(waiting, group, pos)
  else
    later[#later + 1] = dueAt
    later[#later + 1] = pos
  end
  grouped[group] = (grouped[group] or 0) + 1
  hasFree = true
end

local function flushOffers()
  if #freed == 0 then return end
  for group, list in pairs(waiting) do many('ZADD', base .. 'wait:' .. group, list) end
  many('HSET', FREE, freed)
  many('ZADD', LATER, later)
  for group, count in pairs(grouped) do call('HINCRBY', GROUPS, group, count) end
  freed, later, waiting, grouped = {}, {}, {}, {}
end

local function withdraw(positions)
  local routes = mget(FREE, positions)
  local gone, early, groups, counts = {}, {}, {}, {}
  for k = 1, #positions do
    local dueAt, group = match(routes[k] or '', '^(%S*) %S+ (.+)$')
    if group then
      gone[#gone + 1] = positions[k]
      if dueAt ~= '' then early[#early + 1] = positions[k] end
      push(groups, group, positions[k])
      counts[group] = (counts[group] or 0) + 1
    end
  end
  many('HDEL', FREE, gone)
  many('ZREM', LATER, early)
  for group, list in pairs(groups) do
    many('ZREM', base .. 'wait:' .. group, list)
    if call('HINCRBY', GROUPS, group, -counts[group]) <= 0 then call('HDEL', GROUPS, group) end
  end
end

-- Six values for each: position, spec, state, progress, cancel request, retried by.
local function records(positions)
  local specs, states = mget(SPEC, positions), mget(STATE, positions)
  local progress, cancels = mget(PROGRESS, positions), mget(CANCEL, positions)
  local retried = mget(RETRIED, positions)
  local found, n = {}, 0
  for k = 1, #positions do
    if specs[k] and states[k] then
      found[n + 1], found[n + 2], found[n + 3] = positions[k], specs[k], states[k]
      found[n + 4], found[n + 5], found[n + 6] = progress[k], cancels[k], retried[k]
      n = n + 6
    end
  end
  return found
end

-- Gives records to an owner; those that cannot be read stay behind.
local function take(token, positions)
  withdraw(positions)
  local states = mget(STATE, positions)
  local writes, owned, former = {}, {}, {}
  for k = 1, #positions do
    local digit, owner, fence, rest = match(states[k] or '', '^(%d)(%S*) (%d+) (.*)$')
    if digit then
      writes[#writes + 1] = positions[k]
      writes[#writes + 1] = digit .. token .. ' ' .. (fence + 1) .. ' ' .. rest
      owned[#owned + 1] = positions[k]
      if owner ~= '' then push(former, owner, positions[k]) end
    end
  end
  many('HSET', STATE, writes)
  for owner, list in pairs(former) do many('SREM', base .. 'own:' .. owner, list) end
  many('SADD', base .. 'own:' .. token, owned)
  return records(owned)
end

-- name, queue, priority
local function route(spec)
  return match(spec, '^%S+ %S* (%S+) (%S+) (%S+) ')
end

local function byNumber(a, b) return tonumber(a) < tonumber(b) end
`

/** Runs the operations of `ARGV` one after the other, and says to the others when there is something to claim. */
export const MAIN: string = String.raw`
local n = #A
local sender = A[1]
i = 2
while i <= n do
  out[#out + 1] = ops[A[i]]()
end
-- A user who may not publish is left to polling.
if hasFree then redis.pcall('PUBLISH', base .. 'free', sender) end
return out
`
