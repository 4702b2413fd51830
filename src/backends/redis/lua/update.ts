/** Replacing states, and appending logs: each patch refused unless the stored owner and fence are the writer's. */

/**
 * `U patches asks`, then of each `position expected state more`. `expected` is `owner fence ` as it has to be stored.
 * `more` begins with a digit, 1 for `unlessCancelled` plus 2 for `freesKey`, and a letter: `k` keeps the owner, `e…` ended
 * then, `f…` can be claimed, from then on if a time follows, `h` has no owner and is held, `o…` has another owner.
 *
 * Answers a letter for each: `o` ok, `a` applied before, `s` stale, `c` cancelled.
 */
export const UPDATE: string = String.raw`
local function freeKeys(positions)
  local hashes = mget(KEYOF, positions)
  for k = 1, #positions do
    if hashes[k] then
      local entry = call('HGET', KEYSHELD, hashes[k])
      if entry and match(entry, '^%d+') == positions[k] then call('HDEL', KEYSHELD, hashes[k]) end
    end
  end
end

local function release(positions, dueAts)
  local specs = mget(SPEC, positions)
  for k = 1, #positions do
    local name, queue, priority = route(specs[k] or '')
    if name then offer(positions[k], dueAts[k], priority, queue .. ' ' .. name) end
  end
  flushOffers()
end

ops.U = function()
  local n, asks = tonumber(A[i + 1]), A[i + 2]
  i = i + 3
  local positions = {}
  for k = 1, n do positions[k] = A[i + 4 * (k - 1)] end
  local states = mget(STATE, positions)
  local cancels = asks == '1' and call('EXISTS', CANCELLING) == 1 and mget(CANCEL, positions)
  local now, was, kinds, changed, frees, marks = {}, {}, {}, {}, {}, {}
  for k = 1, n do
    local pos, expected, new, more = A[i], A[i + 1], A[i + 2], A[i + 3]
    i = i + 4
    local old = now[pos] or states[k]
    if not old then marks[k] = 's'
    elseif old == new then marks[k] = 'a'
    elseif sub(old, 2, #expected + 1) ~= expected then marks[k] = 's'
    else
      local flags = byte(more, 1) - 48
      if cancels and flags % 2 == 1 and cancels[k] then
        marks[k] = 'c'
      else
        if not was[pos] then
          was[pos] = old
          changed[#changed + 1] = pos
        end
        now[pos] = new
        kinds[pos] = more
        if flags >= 2 then frees[#frees + 1] = pos end
        marks[k] = 'o'
      end
    end
  end
  local writes, moves, left, ends, free, dueAts, ended = {}, {}, {}, {}, {}, {}, {}
  for k = 1, #changed do
    local pos = changed[k]
    local old, new, more = was[pos], now[pos], kinds[pos]
    writes[2 * k - 1], writes[2 * k] = pos, new
    local from, to = byte(old, 1), byte(new, 1)
    if from ~= to then push(moves, from * 256 + to, pos) end
    local kind = byte(more, 2)
    if kind ~= 107 then
      push(left, match(old, '^.(%S*)'), pos)
      if kind == 101 then
        push(ends, to - 48, sub(more, 3))
        push(ends, to - 48, pos)
        ended[#ended + 1] = pos
      elseif kind == 102 then
        free[#free + 1] = pos
        dueAts[#dueAts + 1] = sub(more, 3)
      elseif kind == 111 then
        call('SADD', base .. 'own:' .. sub(more, 3), pos)
      end
    end
  end
  -- In the order of an insert: first what takes memory, last what makes the change.
  for move, list in pairs(moves) do addTo('s', move % 256 - 48, parts(list)) end
  for digit, list in pairs(ends) do many('ZADD', base .. 'end:' .. digit, list) end
  if #free > 0 then release(free, dueAts) end
  for move, list in pairs(moves) do removeFrom('s', floor(move / 256) - 48, parts(list)) end
  for owner, list in pairs(left) do many('SREM', base .. 'own:' .. owner, list) end
  if #ended > 0 and call('EXISTS', CANCELLING) == 1 then many('SREM', CANCELLING, ended) end
  if #frees > 0 then freeKeys(frees) end
  for move, list in pairs(moves) do
    call('HINCRBY', COUNT, floor(move / 256) - 48, -#list)
    call('HINCRBY', COUNT, move % 256 - 48, #list)
  end
  many('HSET', STATE, writes)
  return table.concat(marks)
end
`

/**
 * `P patches`, then of each `position expected number dropped lines progress`: number is `fence chunk`, the last two are
 * empty for none. Answers a letter for each.
 */
export const APPEND: string = String.raw`
local function hasChunk(log, number)
  local wanted = number .. ' '
  for _, chunk in ipairs(call('LRANGE', log, 0, -1)) do
    if sub(chunk, 1, #wanted) == wanted then return true end
  end
  return false
end

ops.P = function()
  local n = tonumber(A[i + 1])
  i = i + 2
  local marks = {}
  for k = 1, n do
    local pos, expected, number = A[i], A[i + 1], A[i + 2]
    local dropped, lines, progress = A[i + 3], A[i + 4], A[i + 5]
    i = i + 6
    local state, log = call('HGET', STATE, pos), base .. 'log:' .. pos
    marks[k] = 's'
    if state then
      local fence, chunk = match(number, '^(%d+) (%d+)')
      local lastFence, lastChunk = match(call('LINDEX', log, -1) or '', '^(%d+) (%d+) ')
      fence, chunk = tonumber(fence), tonumber(chunk)
      lastFence, lastChunk = tonumber(lastFence or -1), tonumber(lastChunk or -1)
      if fence == lastFence and chunk <= lastChunk or fence < lastFence and hasChunk(log, number) then
        marks[k] = 'o'
      elseif sub(state, 2, #expected + 1) == expected then
        marks[k] = 'o'
        if progress ~= '' then call('HSET', PROGRESS, pos, progress) end
        if lines ~= '' or dropped ~= '0' then
          call('RPUSH', log, number .. ' ' .. dropped .. ' ' .. lines)
        end
      end
    end
  end
  return table.concat(marks)
end
`
