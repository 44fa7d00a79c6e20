-- add: put new jobs into the queue, each id once. They come as a packed list of id, length of the body and standing for
-- each, and the joined bodies. Standing is '' for priority 5, default tenant, at once; else
-- priority|delay ms|run at ms|tenant and, where the job has them, |batch|mode (s, r or d), until (s, e or n), ms|key.
-- KEYS  jobs waiting delayed meta standing uniques unique_ends keyed members batches cancelled
--@include line
--@include tell
--@include bury
--@include withdraw
--@include parts
local fresh -- what is about to be written
local function begin()
  fresh = { bodies = {}, stands = {}, later = {}, ids = {}, lanes = {}, texts = {}, all = {} }
end

local function flush()
  if #fresh.all == 0 then
    return
  end
  local bodies = fresh.bodies
  if #fresh.ids > 0 then
    local scores = line(fresh.ids, fresh.lanes)
    for i, id in ipairs(fresh.ids) do
      bodies[#bodies + 1] = id
      bodies[#bodies + 1] = stamp .. scores[i] .. fresh.texts[i]
    end
    count_age(string.sub(stamp, 1, 10), #fresh.ids)
  end
  redis.call('HSET', jobs, unpack(bodies))
  if #fresh.stands > 0 then
    redis.call('HSET', standing, unpack(fresh.stands))
  end
  if #fresh.later > 0 then
    redis.call('ZADD', delayed, unpack(fresh.later))
  end
  redis.call('HINCRBY', meta, 'added', #fresh.all)
  tell('added', fresh.all)
  begin()
end

-- holder_of: the job that holds a key now, if any.
local function holder_of(field)
  local found = redis.call('HGET', uniques, field)
  if not found then
    return nil
  end
  local id, free_at = string.match(found, '^(.*)|(%d+)$')
  if free_at ~= '0' and tonumber(free_at) <= now then
    return nil
  end
  local letter = redis.call('HGET', keyed, id)
  if not letter and free_at == '0' then
    return nil -- trimmed, or gone in a way that no key is left of
  end
  return id
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

-- place: put one job where its standing says; a job that replaces another gets that one's place.
local function place(id, body, how, spot)
  local lane, due = '4', 0
  if how ~= '' then
    local priority, delay, at, tenant = string.match(how, '^(%d)|(%d+)|(%d+)|([^|]*)')
    if priority ~= '5' or tenant ~= '' then
      fresh.stands[#fresh.stands + 1] = id
      fresh.stands[#fresh.stands + 1] = priority .. '|' .. tenant
    end
    due = math.max(now + delay, tonumber(at))
    lane = (9 - priority) .. tenant
  end
  fresh.all[#fresh.all + 1] = id
  if spot and spot.state == 'delayed' then
    due = tonumber(spot.score)
  end
  local seat
  if spot and spot.state == 'waiting' then
    seat = string.format('%016d', spot.score)
  end
  if seat and string.sub(seat, 1, 1) == string.sub(lane, 1, 1) then
    redis.call('ZADD', waiting, seat, id)
    count_age(string.sub(stamp, 1, 10), 1)
  elseif due > now then
    seat = NOWHERE
    fresh.later[#fresh.later + 1] = string.format('%d', due)
    fresh.later[#fresh.later + 1] = id
  else
    fresh.ids[#fresh.ids + 1] = id
    fresh.lanes[#fresh.lanes + 1] = lane
    fresh.texts[#fresh.texts + 1] = body
    return
  end
  fresh.bodies[#fresh.bodies + 1] = id
  fresh.bodies[#fresh.bodies + 1] = stamp .. seat .. body
end

-- keyed_place: place a job that has a key, unless another holds it; returns what became of it.
local function keyed_place(id, body, how, unique)
  flush() -- a job of this key may be among those not yet written
  local mode, till, span, key = string.match(unique, '^(%a)(%a)(%d+)|(.*)$')
  local field = string.match(how, '^%d|%d+|%d+|([^|]*)') .. '|' .. key
  local holder, answer, spot = holder_of(field), 1, nil
  if holder then
    local state, score
    if mode ~= 's' then
      state, score = replace(holder, id)
    end
    if not state then
      return '=' .. holder
    end
    answer = '~' .. holder
    if mode == 'r' then
      spot = { state = state, score = score }
    end
  end
  place(id, body, how, spot)
  flush()
  take_key(id, field, till, span)
  return answer
end

local function add(n, packed, joined)
  begin()
  local ids, answers, seen, touched = {}, {}, {}, {}
  local list, cut = cmsgpack.unpack(packed), cutter(joined)
  for i = 1, n do
    ids[i] = list[3 * i - 2]
  end
  local known = redis.call('HMGET', jobs, unpack(ids))
  for i = 1, n do
    local id, body, how = ids[i], cut(list[3 * i - 1]), list[3 * i]
    local batch, unique
    if #how > 6 then
      batch, unique = string.match(how, '^%d|%d+|%d+|[^|]*|([^|]*)|?(.*)$')
    end
    if known[i] or seen[id] then
      answers[i] = 0
    else
      if unique and unique ~= '' then
        answers[i] = keyed_place(id, body, how, unique)
      else
        place(id, body, how)
        answers[i] = 1
      end
      seen[id] = answers[i] == 1 or string.sub(answers[i], 1, 1) == '~'
    end
    if batch and batch ~= '' then
      enroll(id, batch, seen[id] and answers[i] ~= 0)
      touched[batch] = true
    end
  end
  flush()
  for batch in pairs(touched) do
    keep_batch(batch)
  end
  close_graves('replaced')
  return answers
end
