-- add: put new jobs into the queue, each id once. They come as a packed list of id, length of the body and standing for
-- each, and the joined bodies. Standing is '' for priority 5, default tenant, at once; else
-- priority|delay ms|run at ms|tenant and, where the job has them, |batch|mode (s, r or d), until (s, e or n), ms|key.
-- Takes n, packed and joined; leaves the answers. No function, and what few jobs need in a block: Lua makes every
-- function anew for each call, with all that it refers to.
-- KEYS  jobs waiting delayed meta standing
--@include line
--@include tell
--@include ages
local fresh -- what is about to be written; n of them, `first` of which wait at the ends of their lanes
local function begin()
  fresh = { n = 0, first = 0, all = {}, bodies = {}, stands = {}, later = {}, ids = {}, lanes = {}, texts = {} }
end

local function flush()
  if fresh.n == 0 then
    return
  end
  local bodies, first = fresh.bodies, fresh.first
  if first > 0 then
    local ids, texts, at = fresh.ids, fresh.texts, #bodies
    local scores = line(ids, fresh.lanes)
    for i = 1, first do
      bodies[at + 2 * i - 1] = ids[i]
      bodies[at + 2 * i] = stamp .. scores[i] .. texts[i]
    end
    count_age(string.sub(stamp, 1, 10), first)
  end
  redis.call('HSET', jobs, unpack(bodies))
  if #fresh.stands > 0 then
    redis.call('HSET', standing, unpack(fresh.stands))
  end
  if #fresh.later > 0 then
    redis.call('ZADD', delayed, unpack(fresh.later))
  end
  redis.call('HINCRBY', meta, 'added', fresh.n)
  tell('added', fresh.all)
  begin()
end

-- read: what a standing says; many jobs have the same, which is looked at once.
local read_before = { [''] = { lane = '4', stand = '5|', delay = 0, at = 0, is_plain = true } }
local function read(how)
  local said = read_before[how]
  if said then
    return said
  end
  local priority, delay, at, tenant, rest = string.match(how, '^(%d)|(%d+)|(%d+)|([^|]*)(.*)$')
  said = { lane = (9 - priority) .. tenant, delay = tonumber(delay), at = tonumber(at), is_plain = rest == '' }
  said.stand = priority .. '|' .. tenant
  if rest ~= '' then
    local batch, unique = string.match(rest, '^|([^|]*)|?(.*)$')
    said.batch = batch ~= '' and batch
    if unique ~= '' then
      local mode, till, span, key = string.match(unique, '^(%a)(%a)(%d+)|(.*)$')
      said.key = { mode = mode, till = till, span = span, field = tenant .. '|' .. key }
    end
  end
  read_before[how] = said
  return said
end

local usual = redis.call('HGET', meta, 'usual') -- see the include of this name

-- place: put one job where its standing says; a job that replaces another gets that one's place.
local function place(id, body, said, spot)
  fresh.n = fresh.n + 1
  fresh.all[fresh.n] = id
  if said.stand ~= usual then
    fresh.stands[#fresh.stands + 1] = id
    fresh.stands[#fresh.stands + 1] = said.stand
  end
  local due, seat = math.max(now + said.delay, said.at), NOWHERE
  local is_delayed = due > now
  if spot then
    is_delayed = spot.state == 'delayed' -- also when it is due already: the next claim promotes it in its turn
    due = tonumber(spot.score)
    seat = string.format('%016d', spot.score)
  end
  if is_delayed then
    seat = NOWHERE
    fresh.later[#fresh.later + 1] = string.format('%d', due)
    fresh.later[#fresh.later + 1] = id
  elseif spot and spot.state == 'waiting' and string.sub(seat, 1, 1) == string.sub(said.lane, 1, 1) then
    redis.call('ZADD', waiting, seat, id)
    count_age(string.sub(stamp, 1, 10), 1)
  else
    local first = fresh.first + 1
    fresh.first = first
    fresh.ids[first], fresh.lanes[first], fresh.texts[first] = id, said.lane, body
    return
  end
  fresh.bodies[#fresh.bodies + 1] = id
  fresh.bodies[#fresh.bodies + 1] = stamp .. seat .. body
end

local place_keyed, count_in, close -- from special, once a job needs them
local ids, answers, seen, touched = {}, {}, {}, {}
local list, from = cmsgpack.unpack(packed), 1
for i = 1, n do
  ids[i] = list[3 * i - 2]
end
local known = redis.call('HMGET', jobs, unpack(ids))
if not usual then
  usual = redis.call('EXISTS', jobs) == 0 and read(list[3]).stand or '5|'
  redis.call('HSET', meta, 'usual', usual)
end
begin()
for i = 1, n do
  local id, length, said = ids[i], list[3 * i - 1], read(list[3 * i])
  local is_new = not (known[i] or seen[id])
  if not (said.is_plain or close) then
    --@include special
    place_keyed, count_in, close = keyed_place, enroll, close_special
  end
  if not is_new then
    answers[i] = 0
  elseif said.key then
    answers[i] = place_keyed(id, string.sub(joined, from, from + length - 1), said)
    is_new = answers[i] == 1 or string.sub(answers[i], 1, 1) == '~'
  else
    place(id, string.sub(joined, from, from + length - 1), said)
    answers[i] = 1
  end
  seen[id] = seen[id] or is_new
  if said.batch then
    count_in(id, said.batch, is_new)
    touched[said.batch] = true
  end
  from = from + length
end
flush()
if close then
  close(touched)
end
