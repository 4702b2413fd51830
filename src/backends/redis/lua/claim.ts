/** Who may have an unowned record: claims, adoptions and cancels. */

import { CANCEL_MESSAGE } from '../free-work.ts'

/**
 * `C token asked limit dueBefore maxDue queue queueLimit limits`, so many pairs of queue and limit, the number of names, names.
 * Answers `L` when the registration is gone, else whether more is due, and the records.
 */
export const CLAIM: string = String.raw`
-- Lets claims see what has become due, the oldest first.
local function makeDue(dueBefore, most)
  local due = call('ZRANGEBYSCORE', LATER, '-inf', dueBefore, 'LIMIT', 0, most)
  if #due == 0 then return 0 end
  local routes = mget(FREE, due)
  many('ZREM', LATER, due)
  local groups = {}
  for k = 1, #due do
    local priority, group = match(routes[k] or '', '^%S* (%S+) (.+)$')
    if group then
      push(groups, group, -priority)
      push(groups, group, due[k])
    end
  end
  for group, list in pairs(groups) do many('ZADD', base .. 'wait:' .. group, list) end
  return #due == most and 1 or 0
end

-- The next rows of a group. What is due later, because the clock was set back since it was due, goes back.
local function readGroup(group, count, dueBefore)
  local key = base .. 'wait:' .. group.name
  while true do
    local rows = call('ZRANGE', key, group.offset, group.offset + count - 1, 'WITHSCORES')
    if #rows == 0 then return false end
    local members = {}
    for k = 1, #rows, 2 do members[#members + 1] = rows[k] end
    local routes = mget(FREE, members)
    group.members, group.scores, group.next = {}, {}, 1
    for k = 1, #members do
      local dueAt = match(routes[k] or 'x', '^(%S*)')
      if dueAt == '' or dueAt ~= 'x' and tonumber(dueAt) <= dueBefore then
        group.members[#group.members + 1] = members[k]
        group.scores[#group.scores + 1] = tonumber(rows[2 * k])
        group.offset = group.offset + 1
      else
        call('ZREM', key, members[k])
        if dueAt ~= 'x' then call('ZADD', LATER, dueAt, members[k]) end
      end
    end
    if #group.members > 0 then return true end
  end
end

-- Its first row as it stands, for a place among others: most of many groups are never read.
local function peekGroup(group)
  local row = call('ZRANGE', base .. 'wait:' .. group.name, 0, 0, 'WITHSCORES')
  if #row == 0 then return false end
  group.members, group.scores, group.next = { row[1] }, { tonumber(row[2]) }, 1
  group.isPeeked = true
  return true
end

local function isBetter(a, b)
  local first, second = a.scores[a.next], b.scores[b.next]
  if first ~= second then return first < second end
  return tonumber(a.members[a.next]) < tonumber(b.members[b.next])
end

local function siftUp(heap, at)
  while at > 1 do
    local up = floor(at / 2)
    if not isBetter(heap[at], heap[up]) then return end
    heap[at], heap[up] = heap[up], heap[at]
    at = up
  end
end

local function siftDown(heap)
  local at, n = 1, #heap
  while true do
    local best = at
    for child = 2 * at, math.min(2 * at + 1, n) do
      if isBetter(heap[child], heap[best]) then best = child end
    end
    if best == at then return end
    heap[at], heap[best] = heap[best], heap[at]
    at = best
  end
end

ops.C = function()
  local token, asked = A[i + 1], tonumber(A[i + 2])
  i = i + 1
  local limit, dueBefore, maxDue = tonumber(A[i + 2]), A[i + 3], tonumber(A[i + 4])
  local only, room, rooms = A[i + 5], tonumber(A[i + 6]) or math.huge, {}
  local count = tonumber(A[i + 7])
  i = i + 8
  for k = 1, count do
    rooms[A[i]] = tonumber(A[i + 1]) or math.huge
    i = i + 2
  end
  local names = {}
  count = tonumber(A[i])
  for k = 1, count do names[A[i + k]] = true end
  i = i + count + 1
  if not stands(token) then return 'L' end
  if isLate(token, asked) then return { 0, {} } end
  local isMoreDue = makeDue(dueBefore, maxDue)
  dueBefore = tonumber(dueBefore)
  local groups = {}
  for _, name in ipairs(call('HKEYS', GROUPS)) do
    local queue, task = match(name, '^(%S+) (%S+)$')
    if names[task] and (only == '' or only == queue) and (rooms[queue] or room) > 0 then
      groups[#groups + 1] = { name = name, queue = queue, offset = 0 }
    end
  end
  local perRead = math.max(4, math.ceil(2 * limit / math.max(#groups, 1)))
  local heap, taken = {}, {}
  local function more(group) return readGroup(group, math.min(perRead, limit - #taken), dueBefore) end
  local begin = #groups > limit and peekGroup or more
  for k = 1, #groups do
    if begin(groups[k]) then
      heap[#heap + 1] = groups[k]
      siftUp(heap, #heap)
    end
  end
  while #taken < limit and #heap > 0 do
    local group = heap[1]
    local left = rooms[group.queue] or room
    local stays = left > 0
    if stays and group.isPeeked then
      group.isPeeked = false
      stays = more(group)
    elseif stays then
      taken[#taken + 1] = group.members[group.next]
      rooms[group.queue] = left - 1
      group.next = group.next + 1
      stays = group.next <= #group.members or #taken < limit and more(group)
    end
    if not stays then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if #heap > 1 then siftDown(heap) end
  end
  return { isMoreDue, take(token, taken) }
end

-- K token asked id request: answers M, the digit of an ended one, L, the owner of one that has to hear of it, or the record.
ops.K = function()
  local token, asked, id, request = A[i + 1], tonumber(A[i + 2]), A[i + 3], A[i + 4]
  i = i + 5
  if not stands(token) then return 'L' end
  if isLate(token, asked) then return 'M' end
  local pos = call('HGET', IDS, id)
  local state = pos and call('HGET', STATE, pos)
  local digit, owner, fence = match(state or '', '^(%d)(%S*) (%d+) ')
  if not digit then return 'M' end
  if digit >= '4' then return 'E' .. digit end
  call('HSETNX', CANCEL, pos, request)
  call('SADD', CANCELLING, pos)
  if owner == token and call('HGET', CANCELFENCE, pos) == fence then return records({ pos }) end
  if owner ~= '' or digit == '2' then
    -- Its owner need not wait for its next beat; one that does not hear this does.
    if owner ~= '' and owner ~= token then redis.pcall('PUBLISH', base .. 'free', '${CANCEL_MESSAGE}' .. owner) end
    return 'O' .. owner
  end
  call('HSET', CANCELFENCE, pos, fence + 1)
  return take(token, { pos })
end

-- A token asked dead limit fresh, the number of names, names. Answers L, or whether more is left, and the records.
ops.A = function()
  local token, asked = A[i + 1], tonumber(A[i + 2])
  i = i + 1
  local dead, limit, fresh = A[i + 2], tonumber(A[i + 3]), tonumber(A[i + 4])
  local names, count = {}, tonumber(A[i + 5])
  for k = 1, count do names[A[i + 5 + k]] = true end
  i = i + 6 + count
  if not stands(token) then return 'L' end
  if isLate(token, asked) then return { 0, {} } end
  local entry = call('HGET', OWNERS, dead)
  local theirs, registered, beat = match(entry or '', '^(%S+) (%d) (%d+)$')
  if not theirs or theirs == token then return { 0, {} } end
  local since = tonumber(call('HGET', META, 'since') or '0')
  if registered == '1' and nowMs() - math.max(beat, since) < fresh then return { 0, {} } end
  call('HSET', OWNERS, dead, theirs .. ' 0 ' .. beat)
  standing = {}
  local own = base .. 'own:' .. theirs
  local all
  if call('SCARD', own) > 10000 then all = call('SRANDMEMBER', own, 1000) else all = call('SMEMBERS', own) end
  table.sort(all, byNumber)
  local mine, others, dueAts, gone = {}, {}, {}, {}
  for from = 1, math.min(#all, 1000), 250 do
    -- What is left is looked at by the next call.
    if #mine >= limit then break end
    local some = {}
    for k = from, math.min(from + 249, #all) do some[#some + 1] = all[k] end
    local specs, states = mget(SPEC, some), mget(STATE, some)
    for k = 1, #some do
      local name = route(specs[k] or '')
      local digit, owner, fence, rest = match(states[k] or '', '^(%d)(%S*) (%d+) (.*)$')
      if not name or owner ~= theirs then
        gone[#gone + 1] = some[k]
      elseif names[name] then
        if #mine < limit then mine[#mine + 1] = some[k] end
      else
        others[#others + 1] = some[k]
        call('HSET', STATE, some[k], digit .. ' ' .. fence .. ' ' .. rest)
        gone[#gone + 1] = some[k]
      end
    end
  end
  many('SREM', own, gone)
  local states = mget(STATE, others)
  local free = {}
  for k = 1, #others do
    local mark = match(states[k], '^%S* %d+ (%S*) ')
    if mark == '' or byte(mark, 1) == 64 then
      free[#free + 1] = others[k]
      dueAts[#free] = sub(mark, 2)
    end
  end
  if #free > 0 then release(free, dueAts) end
  local found = take(token, mine)
  if call('EXISTS', own) == 0 then
    call('HDEL', OWNERS, dead)
    call('HDEL', ASKED, theirs)
    return { 0, found }
  end
  return { 1, found }
end
`
