/** `I calls createdFrom createdTo`, then of each call its number of records and of each record `id class spec state more`. */

/**
 * All of a call or none. The answer of a call: the first of its positions, which follow each other; or a list of
 * positions, −1 and refusals, each a letter and an id; or `L` and the owner whose registration is gone.
 *
 * A class is `digit owner name queue`. `more` is empty for most, else `r` for a spec that was given before or `-`, then
 * lines: due time and priority of what a claim may take, end, parent, hash of the key, `inputHash`, `heldUntil`,
 * `takeOverFrom`, `retryOf`, whether it may be retried again, creation, and the tags.
 */
export const INSERT: string = String.raw`
-- At random: a position of a store that was emptied is hardly ever one of the store that came after it.
local function firstSeq()
  local time = call('TIME')
  return 1000000000 + (time[1] * 1000003 + time[2] * 997) % 1000000000
end

local function fieldsOf(more)
  local fields = {}
  for field in string.gmatch(sub(more, 3), '([^\n]*)\n') do fields[#fields + 1] = field end
  return fields
end

ops.I = function()
  local calls, from, to = tonumber(A[i + 1]), tonumber(A[i + 2]), tonumber(A[i + 3])
  i = i + 4
  local ids, j = {}, i
  for c = 1, calls do
    local n = tonumber(A[j])
    j = j + 1
    for r = 1, n do
      ids[#ids + 1] = A[j]
      j = j + 5
    end
  end
  local known = mget(IDS, ids)
  local seq = tonumber(call('HGET', META, 'seq') or firstSeq())
  local specs, states, positions, classes, extras = {}, {}, {}, {}, {}
  local mine, mineAt, keyed, retried = {}, {}, {}, {}
  local owners, answers, k = {}, {}, 0

  local function positionOf(id)
    return mine[id] or call('HGET', IDS, id)
  end

  local function holderOf(hash)
    local entry = keyed[hash] or call('HGET', KEYSHELD, hash)
    if not entry then return end
    return match(entry, '^(%d+) (%S+) (%S+) (.*)$')
  end

  local function obstacle(fields, class, undo)
    local hash, retryOf = fields[4], fields[8]
    local original
    if retryOf ~= '' then
      original = positionOf(retryOf)
      if original then
        local by = retried[tostring(original)] or call('HGET', RETRIED, original)
        if by and fields[9] ~= '1' then return 'R' .. by end
      end
    end
    if hash ~= '' then
      local at, id, heldUntil, inputHash = holderOf(hash)
      if id and id ~= fields[7] then
        local isKept = keyed[hash] or call('HEXISTS', SPEC, at) == 1
        if isKept or tonumber(heldUntil) > tonumber(fields[10]) then
          return 'E' .. (inputHash == fields[5] and '1' or '0') .. id
        end
      end
    end
    return nil, original
  end

  for c = 1, calls do
    local n = tonumber(A[i])
    local first, before = i + 1, seq
    i = first
    local results, undo, refused, lost = {}, {}, false, nil
    for r = 1, n do
      k = k + 1
      local id, class, more = A[i], A[i + 1], A[i + 4]
      local at = known[k]
      local result
      if at or mine[id] then
        local isSame = false
        if sub(more, 1, 1) == 'r' then
          if mine[id] then isSame = mineAt[id][1] < c and mineAt[id][2] == A[i + 2]
          else isSame = call('HGET', SPEC, at) == A[i + 2] end
        end
        result = isSame and tonumber(mine[id] or at) or 'D' .. id
      else
        local owner = owners[class]
        if not owner then
          owner = match(class, '^%d (%S*)')
          owners[class] = owner
        end
        if owner ~= '' and not stands(owner) then lost = owner end
        local fields, original
        if #more > 1 then
          fields = fieldsOf(more)
          result, original = obstacle(fields, class, undo)
        end
        if not result then
          seq = seq + 1
          result = seq
          mine[id] = seq
          mineAt[id] = { c, A[i + 2] }
          undo[#undo + 1] = { mine, id, nil }
          if fields then
            extras[string.format('%.0f', seq)] = fields
            if original then
              local key = tostring(original)
              undo[#undo + 1] = { retried, key, retried[key] }
              retried[key] = id
            end
            if fields[4] ~= '' then
              undo[#undo + 1] = { keyed, fields[4], keyed[fields[4]] }
              keyed[fields[4]] = seq .. ' ' .. id .. ' ' .. fields[6] .. ' ' .. fields[5]
            end
          end
        end
      end
      if type(result) == 'string' then refused = true end
      results[r] = result
      i = i + 5
    end
    if refused or lost then
      for u = #undo, 1, -1 do undo[u][1][undo[u][2]] = undo[u][3] end
      for r = 1, n do
        if type(results[r]) == 'number' and results[r] > before then results[r] = -1 end
      end
      seq = before
      answers[c] = lost and 'L' .. lost or results
    else
      for r = 1, n do
        local pos = results[r]
        if pos > before then
          local a = first + 5 * (r - 1)
          local m = #specs
          -- Text from here on: Redis would print the number anew for each command.
          local text = string.format('%.0f', pos)
          specs[m + 1], specs[m + 2] = text, A[a + 2]
          states[m + 1], states[m + 2] = text, A[a + 3]
          positions[m + 1], positions[m + 2] = A[a], text
          push(classes, A[a + 1], text)
        end
      end
      answers[c] = seq == before + n and before + 1 or results
    end
  end
  if #specs == 0 then return answers end

  -- A command that takes memory goes first: without memory, nothing of a script is done. And what makes a record goes last:
  -- a script that an error ends has made none, and is repeated as if it had not been.
  call('HSET', META, 'seq', seq)
  for class, list in pairs(classes) do
    local digit, owner, name, queue = match(class, '^(%d) (%S*) (%S+) (%S+)$')
    local found = parts(list)
    addTo('a', '', found)
    addTo('s', digit, found)
    addTo('n', name, found)
    addTo('q', queue, found)
    if owner ~= '' then many('SADD', base .. 'own:' .. owner, list) end
    for bucket in pairs(found) do
      local low, high = match(call('HGET', CREATED, bucket) or '', '^(%S+) (%S+)$')
      if not low or from < tonumber(low) or to > tonumber(high) then
        low, high = math.min(from, tonumber(low or from)), math.max(to, tonumber(high or to))
        call('HSET', CREATED, bucket, string.format('%.17g %.17g', low, high))
      end
    end
    for k = 1, #list do
      local pos = list[k]
      local fields = extras[pos]
      if fields then
        local dueAt, priority = match(fields[1], '^(%S*) (%S+)$')
        if priority then offer(pos, dueAt, priority, queue .. ' ' .. name) end
        if fields[2] ~= '' then call('ZADD', base .. 'end:' .. digit, fields[2], pos) end
        if fields[3] ~= '' then call('ZADD', base .. 'p:' .. fields[3], pos, pos) end
        if fields[4] ~= '' then call('HSET', KEYOF, pos, fields[4]) end
        for f = 11, #fields do call('ZADD', base .. 't:' .. fields[f], pos, pos) end
      end
    end
  end
  flushOffers()
  for class, list in pairs(classes) do call('HINCRBY', COUNT, sub(class, 1, 1), #list) end
  for hash, entry in pairs(keyed) do call('HSET', KEYSHELD, hash, entry) end
  for original, id in pairs(retried) do call('HSET', RETRIED, original, id) end
  many('HSET', SPEC, specs)
  many('HSET', STATE, states)
  many('HSET', IDS, positions)
  return answers
end
`
