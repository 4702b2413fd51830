/**
 * `S endedBefore maxFinished limit now digits`: removes finished records with all that hangs on them. Answers how many, and 1
 * when there are more that would have been too large to go with these.
 */
export const SWEEP: string = String.raw`
local MAX_SWEPT_BYTES = 2000000

local function expireKeys(now, limit)
  local due = call('ZRANGEBYSCORE', ORPHANS, '-inf', now, 'LIMIT', 0, limit)
  for k = 1, #due do
    local hash, pos = match(due[k], '^(%S+) (%d+)$')
    local entry = hash and call('HGET', KEYSHELD, hash)
    -- Taken over or held anew in the meantime: the newer holder stays.
    if entry and match(entry, '^%d+') == pos then call('HDEL', KEYSHELD, hash) end
  end
  many('ZREM', ORPHANS, due)
end

local function orphan(pos, hash, now)
  local entry = call('HGET', KEYSHELD, hash)
  local holder, heldUntil = match(entry or '', '^(%d+) %S+ (%S+) ')
  if holder ~= pos then return end
  if tonumber(heldUntil) <= now then
    call('HDEL', KEYSHELD, hash)
  elseif heldUntil ~= 'inf' then
    call('ZADD', ORPHANS, heldUntil, hash .. ' ' .. pos)
  end
end

local function remove(positions, digits, now)
  local specs, hashes = mget(SPEC, positions), mget(KEYOF, positions)
  local ids, logs, names, queues, tags, parents = {}, {}, {}, {}, {}, {}
  for k = 1, #positions do
    local pos = positions[k]
    local id, parent, name, queue = match(specs[k] or '', '^(%S+) (%S*) (%S+) (%S+) ')
    if id then
      ids[#ids + 1] = id
      push(names, name, pos)
      push(queues, queue, pos)
      if parent ~= '' then push(parents, parent, pos) end
      for tag in string.gmatch(match(specs[k], '^[^\n]*\n([^\n]*)') or '', '[^\t]+') do push(tags, tag, pos) end
    end
    logs[k] = base .. 'log:' .. pos
    if hashes[k] then orphan(pos, hashes[k], now) end
  end
  many('HDEL', IDS, ids)
  for _, key in ipairs({ SPEC, STATE, PROGRESS, CANCEL, CANCELFENCE, RETRIED, KEYOF }) do
    many('HDEL', key, positions)
  end
  for from = 1, #logs, 1000 do call('UNLINK', unpack(logs, from, math.min(from + 999, #logs))) end
  for digit, list in pairs(digits) do
    many('ZREM', base .. 'end:' .. digit, list)
    removeFrom('s', digit, parts(list))
    call('HINCRBY', COUNT, digit, -#list)
  end
  for name, list in pairs(names) do removeFrom('n', name, parts(list)) end
  for queue, list in pairs(queues) do removeFrom('q', queue, parts(list)) end
  for tag, list in pairs(tags) do many('ZREM', base .. 't:' .. tag, list) end
  for parent, list in pairs(parents) do many('ZREM', base .. 'p:' .. parent, list) end
  local found = parts(positions)
  removeFrom('a', '', found)
  for bucket in pairs(found) do
    if call('EXISTS', base .. 'ia:' .. bucket .. ':') == 0 then call('HDEL', CREATED, bucket) end
  end
end

ops.S = function()
  local endedBefore, most = tonumber(A[i + 1]), tonumber(A[i + 2])
  local limit, now, digits = tonumber(A[i + 3]), tonumber(A[i + 4]), A[i + 5]
  i = i + 6
  expireKeys(now, limit)
  local finished, ended = 0, {}
  for digit in string.gmatch(digits, '%d') do
    local key = base .. 'end:' .. digit
    finished = finished + call('ZCARD', key)
    local rows = call('ZRANGE', key, 0, limit - 1, 'WITHSCORES')
    for k = 1, #rows, 2 do
      ended[#ended + 1] = { rows[k], tonumber(rows[k + 1]), digit }
    end
  end
  table.sort(ended, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return tonumber(a[1]) < tonumber(b[1])
  end)
  local surplus = finished - most
  local victims, byDigit, bytes, isMore = {}, {}, 0, 0
  for k = 1, math.min(#ended, limit) do
    local pos, at, digit = ended[k][1], ended[k][2], ended[k][3]
    if k <= surplus or at < endedBefore then
      bytes = bytes + call('HSTRLEN', SPEC, pos)
      if #victims > 0 and bytes > MAX_SWEPT_BYTES then
        isMore = 1
        break
      end
      victims[#victims + 1] = pos
      push(byDigit, digit, pos)
    end
  end
  if #victims > 0 then remove(victims, byDigit, now) end
  return { #victims, isMore }
end
`
