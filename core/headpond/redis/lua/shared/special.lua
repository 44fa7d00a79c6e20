-- special: what few new jobs need: those with a key of uniqueness, and those of a batch.
-- KEYS  uniques unique_ends keyed
--@include batches
--@include bury
--@include withdraw
-- holder_of: the job that holds a key now, if any, and whether that job is still there.
local function holder_of(field)
  local found = redis.call('HGET', uniques, field)
  if not found then
    return nil
  end
  local id, free_at = string.match(found, '^(.*)|(%d+)$')
  if free_at ~= '0' and tonumber(free_at) <= now then
    return nil
  end
  local own = redis.call('HGET', keyed, id)
  local is_there = own and string.sub(own, 2) == field -- else the id may be another job's by now
  if not is_there and free_at == '0' then
    return nil -- trimmed, or gone in a way that no key is left of
  end
  return id, is_there
end

-- take_key: note that this job holds a key from now on.
local function take_key(id, field, till, span)
  local free_at = tonumber(span) > 0 and now + tonumber(span) or 0
  redis.call('HSET', uniques, field, id .. '|' .. string.format('%d', free_at))
  if free_at > 0 then
    redis.call('ZADD', unique_ends, free_at, field)
  else
    redis.call('ZREM', unique_ends, field)
  end
  redis.call('HSET', keyed, id, till .. field)
  local free = redis.call('ZRANGEBYSCORE', unique_ends, '-inf', now, 'LIMIT', '0', '2')
  if #free > 0 then -- two go for one that comes: ticks alone would not keep up with thousands a second
    redis.call('ZREM', unique_ends, unpack(free))
    redis.call('HDEL', uniques, unpack(free))
  end
end

-- replace: cancel a holder that has not started; returns the state and the score that it had.
local function replace(holder, id)
  local state, score = withdraw(holder)
  if state then
    local why = 'Job ' .. id .. ' took its place.'
    bury(holder, 'cancelled', '\151' .. cmsgpack.pack(0, 0, nil, 'Replaced', why, '', ''))
  end
  return state, score
end

-- keyed_place: place a job that has a key, unless another holds it; returns what became of it.
local function keyed_place(id, body, said)
  flush() -- a job of this key may be among those not yet written
  local key = said.key
  local holder, is_there = holder_of(key.field)
  local answer, spot = 1, nil
  if holder then
    local state, score
    if key.mode ~= 's' and is_there then
      state, score = replace(holder, id)
    end
    if not state then
      return '=' .. holder
    end
    answer = '~' .. holder
    if key.mode == 'r' then
      spot = { state = state, score = score }
    end
  end
  place(id, body, said, spot)
  flush()
  take_key(id, key.field, key.till, key.span)
  return answer
end

-- close_special: once all are placed.
local function close_special(batches_in)
  for batch in pairs(batches_in) do
    keep_batch(batch)
  end
  close_graves('replaced')
end
