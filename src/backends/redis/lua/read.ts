/** Reading records. */

/**
 * `G id`: the values of a record, if there is one. `W token asked`: those of all records of an owner. `T id`: the chunks of a
 * record's log. `N`: how many records have each status. `Q`: how many unowned ones each queue and name have.
 */
export const READ: string = String.raw`
ops.G = function()
  local pos = call('HGET', IDS, A[i + 1])
  i = i + 2
  return pos and records({ pos }) or {}
end

ops.W = function()
  local token, asked = A[i + 1], tonumber(A[i + 2])
  i = i + 3
  if not isLate(token, asked) then call('HSET', ASKED, token, asked) end
  local all = call('SMEMBERS', base .. 'own:' .. token)
  table.sort(all, byNumber)
  return records(all)
end

ops.T = function()
  local pos = call('HGET', IDS, A[i + 1])
  i = i + 2
  return pos and call('LRANGE', base .. 'log:' .. pos, 0, -1) or {}
end

ops.N = function()
  i = i + 1
  return call('HGETALL', COUNT)
end

ops.Q = function()
  i = i + 1
  return call('HGETALL', GROUPS)
end
`

/**
 * `L order after limit digits name queue parent createdAfter createdBefore`, the number of tags, tags. Nothing given is
 * empty. Answers where to go on, −1 at the end, and the values of at most `limit` records.
 *
 * A call looks at so much and no more. Tags and parents are looked up in a sorted set each; the rest in buckets, whose
 * sets Redis intersects by itself.
 */
export const LIST: string = String.raw`
local MAX_COST = 3000
local MAX_BYTES = 2000000

ops.L = function()
  local isUp, after, limit = A[i + 1] == 'oldest', tonumber(A[i + 2]), tonumber(A[i + 3])
  local digits, name, queue, parent = A[i + 4], A[i + 5], A[i + 6], A[i + 7]
  local from, to, count = tonumber(A[i + 8]), tonumber(A[i + 9]), tonumber(A[i + 10])
  local sets = {}
  if parent ~= '' then sets[1] = base .. 'p:' .. parent end
  for k = 1, count do sets[#sets + 1] = base .. 't:' .. A[i + 10 + k] end
  i = i + 11 + count
  local found, cost, bytes = {}, 0, 0

  local function isAhead(pos)
    return not after or isUp and pos > after or not isUp and pos < after
  end

  local function inOrder(a, b)
    if isUp then return a < b end
    return a > b
  end

  local function fits(spec, state)
    if digits ~= '' and not string.find(digits, sub(state, 1, 1), 1, true) then return false end
    local itsName, itsQueue, _, created = match(spec, '^%S+ %S* (%S+) (%S+) (%S+) (%S+)\n')
    created = tonumber(created)
    if not created then return false end
    return (name == '' or name == itsName) and (queue == '' or queue == itsQueue)
      and (not from or created > from) and (not to or created < to)
  end

  -- Goes through positions in order. Answers false when the page is full, or enough was read.
  local function collect(positions)
    for first = 1, #positions, 32 do
      local some = {}
      for k = first, math.min(first + 31, #positions) do some[#some + 1] = positions[k] end
      local specs, states = mget(SPEC, some), mget(STATE, some)
      for k = 1, #some do
        if specs[k] and states[k] and fits(specs[k], states[k]) then
          if #found == limit then return false end
          found[#found + 1] = some[k]
          bytes = bytes + #specs[k] + #states[k]
        end
        after = tonumber(some[k])
        if bytes > MAX_BYTES then return false end
      end
      cost = cost + 2 * #some
      if #found < limit and cost > MAX_COST then return false end
    end
    return true
  end

  local function answer(isOver)
    return { isOver and -1 or after or 0, records(found) }
  end

  if #sets > 0 then
    local driver
    for k = 1, #sets do
      local size = call('ZCARD', sets[k])
      if not driver or size < driver.size then driver = { key = sets[k], size = size } end
    end
    while true do
      local bound = after and string.format('(%.0f', after)
      local rows
      if isUp then rows = call('ZRANGEBYSCORE', driver.key, bound or '-inf', '+inf', 'LIMIT', 0, 200)
      else rows = call('ZREVRANGEBYSCORE', driver.key, bound or '+inf', '-inf', 'LIMIT', 0, 200) end
      local left = rows
      for k = 1, #sets do
        if sets[k] ~= driver.key and #left > 0 then
          local scores, kept = call('ZMSCORE', sets[k], unpack(left)), {}
          for r = 1, #left do if scores[r] then kept[#kept + 1] = left[r] end end
          left = kept
        end
      end
      cost = cost + 50
      if not collect(left) then return answer(false) end
      if #rows < 200 then return answer(true) end
      after = tonumber(rows[#rows])
      if cost > MAX_COST then return answer(false) end
    end
  end

  -- The buckets of what has the fewest of them; those of several statuses are merged.
  local drivers = { base .. 'ba:' }
  local size = call('ZCARD', drivers[1])
  local function consider(keys)
    local sum = 0
    for _, key in ipairs(keys) do sum = sum + call('ZCARD', key) end
    if sum < size then drivers, size = keys, sum end
  end
  if name ~= '' then consider({ base .. 'bn:' .. name }) end
  if queue ~= '' then consider({ base .. 'bq:' .. queue }) end
  if digits ~= '' then
    local keys = {}
    for digit in string.gmatch(digits, '%d') do keys[#keys + 1] = base .. 'bs:' .. digit end
    consider(keys)
  end

  local function nextBuckets(cursor)
    local merged, seen, all = {}, {}, 0
    for _, key in ipairs(drivers) do
      local rows
      if isUp then rows = call('ZRANGEBYSCORE', key, cursor or '-inf', '+inf', 'LIMIT', 0, 100)
      else rows = call('ZREVRANGEBYSCORE', key, cursor or '+inf', '-inf', 'LIMIT', 0, 100) end
      for k = 1, #rows do
        local bucket = tonumber(rows[k])
        if not seen[bucket] then
          seen[bucket] = true
          merged[#merged + 1] = bucket
        end
      end
    end
    table.sort(merged, inOrder)
    -- Beyond a hundred of one, others may lie between.
    for k = #merged, 101, -1 do merged[k] = nil end
    return merged
  end

  local function members(bucket)
    local keys = {}
    if name ~= '' then keys[#keys + 1] = base .. 'in:' .. bucket .. ':' .. name end
    if queue ~= '' then keys[#keys + 1] = base .. 'iq:' .. bucket .. ':' .. queue end
    local all = {}
    local function add(list)
      cost = cost + 10 + floor(#list / 8)
      for k = 1, #list do
        local pos = tonumber(list[k])
        if isAhead(pos) then all[#all + 1] = pos end
      end
    end
    if digits == '' then
      if #keys == 0 then keys[1] = base .. 'ia:' .. bucket .. ':' end
      add(call('SINTER', unpack(keys)))
    else
      for digit in string.gmatch(digits, '%d') do
        add(call('SINTER', base .. 'is:' .. bucket .. ':' .. digit, unpack(keys)))
      end
    end
    table.sort(all, inOrder)
    return all
  end

  local cursor = after and floor(after / 512)
  while true do
    local some = nextBuckets(cursor)
    if #some == 0 then return answer(true) end
    local created = (from or to) and mget(CREATED, some)
    for k = 1, #some do
      local low, high = match(created and created[k] or '', '^(%S+) (%S+)$')
      local isOut = low and (from and tonumber(high) <= from or to and tonumber(low) >= to)
      cost = cost + 1
      if not isOut and not collect(members(some[k])) then return answer(false) end
      -- All of this bucket has been looked at.
      after = isUp and some[k] * 512 + 511 or some[k] * 512
      if cost > MAX_COST then return answer(false) end
    end
    cursor = isUp and some[#some] + 1 or some[#some] - 1
  end
end
`
