-- claim: reap and promote, then hand out up to `want` jobs under one fence.
-- KEYS  waiting delayed active jobs owners tries since meta tags wake parked busy draining keyed
-- ARGV  now · worker · fence (worker and a number that it never used before) · want · then fences of claims whose
--       answers this worker never got
-- RETURNS {ids, bodies, tries or {}, since or {}, next due or 0, held, draining, now, schedules due}
-- COST  O((want + reaped + promoted) log n), reaped at most 500, promoted at most 1,000, looked at at most 1,000
--@include now
--@include room
--@include tell
--@include ages
local LONG = string.rep('-', 65)
local worker, fence, want = ARGV[2], ARGV[3], tonumber(ARGV[4])
if ARGV[5] then
  local lost = {}
  for i = 5, #ARGV do
    lost[ARGV[i]] = true
  end
  --@include disown
  disown(worker, lost)
end
if redis.call('ZRANGEBYSCORE', active, '-inf', stamp, 'LIMIT', '0', '1')[1] then
  --@include reap
  reap(500)
end
if redis.call('ZRANGEBYSCORE', delayed, '-inf', stamp, 'LIMIT', '0', '1')[1] then
  --@include promote
  promote(1000)
end
local set = redis.call(
  'HMGET', meta, 'held_spec', 'held_runtime', 'held_runtime_until', 'max_active', 'lease_ms', 'shares', 'rate_max',
  'rate_per_ms', 'next_tick', 'virtual4', 'held_spec_until'
)
local freed = 0 -- when a hold ends that is in force, math.huge for one without an end, 0 for none
if set[1] or set[2] then
  local function ends_at(till)
    return till and till ~= '0' and tonumber(till) or math.huge
  end
  local spec, runtime = set[1] and ends_at(set[11]) or 0, set[2] and ends_at(set[3]) or 0
  freed = math.max(spec > now and spec or 0, runtime > now and runtime or 0)
end
local held = freed > 0 and 1 or 0
local drains = redis.call('HEXISTS', draining, worker)
local fires = set[9] and tonumber(set[9]) or math.huge
local fire = fires <= now and 1 or 0
local again = math.huge -- when a rate lets one more job start
local kept
if set[4] and set[4] ~= '0' then
  want = math.min(want, tonumber(set[4]) - redis.call('ZCARD', active))
end
if set[7] and set[7] ~= '0' then
  --@include window
  local left, at, found = window('*', tonumber(set[7]), tonumber(set[8]))
  kept = found
  if left <= want then
    want, again = left, at
  end
end
local shared = set[6] and string.find(set[6], 'l', 1, true) -- some tenant has a limit
local ids, more, may_start = {}, false, want > 0 and held == 0 and drains == 0
if shared then
  --@include aside
  recall()
  if may_start then
    ids, more = pop_allowed(want)
    count_starts()
  end
elseif may_start then
  ids = redis.call('ZRANGE', waiting, '0', want - 1) -- ZPOPMIN would print the scores, which the bodies know
  if #ids > 0 then
    redis.call('ZREMRANGEBYRANK', waiting, '0', want - 1)
  end
end
local n = #ids
if (drains == 1 or more) and redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, '0', '0') -- for one that may claim; or there is more to look at than fits in one step
elseif shared and n < want and redis.call('HEXISTS', meta, 'recall') == 1 then
  redis.call('ZADD', wake, '0', '0') -- the rules changed, and not everybody aside has been judged anew yet
end

if n < want or want <= 0 then
  if may_start and not more and (not shared or redis.call('EXISTS', waiting, aside) == 0) then
    redis.call('DEL', tags) -- nothing waits: every tag is at most its level's virtual time
  end
elseif redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, '0', '0') -- more is there: wake the next idle worker
end
local bodies, counts, times = {}, {}, {}
if n > 0 then
  local lease, own = {}, {}
  local ends = string.format('%d', now + tonumber(set[5] or 14500))
  local owner = fence .. '|' .. stamp
  for i = 1, n do
    lease[2 * i - 1] = ends
    lease[2 * i] = ids[i]
    own[2 * i - 1] = ids[i]
    own[2 * i] = owner
  end
  -- Redis keeps few short members as a list, and searches it from its begin, until a long one was there
  local is_new = n > 16 and redis.call('EXISTS', active) == 0
  if is_new then
    redis.call('ZADD', active, '0', LONG)
    redis.call('HSET', owners, LONG, '')
  end
  redis.call('ZADD', active, unpack(lease))
  redis.call('HSET', owners, unpack(own))
  if is_new then
    redis.call('ZREM', active, LONG)
    redis.call('HDEL', owners, LONG)
  end
  redis.call('HINCRBY', busy, worker, n)
  if kept then
    --@include window
    spend('*', n, kept)
  end
  bodies = redis.call('HMGET', jobs, unpack(ids))
  if redis.call('EXISTS', tries, since, parked, keyed) > 0 then
    counts = redis.call('HMGET', tries, unpack(ids))
    times = redis.call('HMGET', since, unpack(ids))
    redis.call('HDEL', parked, unpack(ids))
    if redis.call('EXISTS', keyed) == 1 then
      --@include keys
      free_keys(ids, true)
    end
  end
  -- the virtual time of a level is the largest tag claimed in it; the jobs come in the order of their scores
  local known, level, seat = {}, nil, nil
  local function pass(byte, text)
    local digit, tag = string.char(byte), tonumber(string.sub(text, 15, 29))
    local time = digit == '4' and set[10] or redis.call('HGET', meta, 'virtual' .. digit)
    if tag > tonumber(time or 0) then
      redis.call('HSET', meta, 'virtual' .. digit, string.format('%d', tag))
    end
  end
  for i = 1, n do
    local text = times[i] or bodies[i] -- nothing is cut out of it: every string costs
    known[i] = text
    local byte = string.byte(text, 14)
    if level and byte ~= level then
      pass(level, seat)
    end
    level, seat = byte, text
  end
  pass(level, seat)
  count_ages(known, -1)
  tell('started', ids)
end

-- when a worker that got less than it wanted has to look again; 0: it is told
local moment = math.huge
if held == 1 then
  moment = freed
else
  local due = redis.call('ZRANGE', delayed, '0', '0', 'WITHSCORES')[2]
  moment = due and tonumber(due) or moment
  if fire == 0 then -- else it is said already, and who fires it wakes the others
    moment = math.min(moment, fires)
  end
  local ends = redis.call('ZRANGE', active, '0', '0', 'WITHSCORES')[2]
  if ends and tonumber(ends) > now then
    moment = math.min(moment, tonumber(ends)) -- its worker may be gone: then this one has its job at once
  end
  if again < math.huge and redis.call('EXISTS', waiting) == 1 then
    moment = math.min(moment, again)
  end
  if shared then
    local turned = redis.call('ZRANGE', turns, '0', '0', 'WITHSCORES')[2]
    moment = math.min(moment, turned and math.max(tonumber(turned), now) or math.huge) -- 0 would mean that it is told
  end
end
if moment == math.huge then
  moment = 0
elseif n > 0 and n == want and moment - now < 5000 then
  redis.call('ZADD', wake, '0', '0') -- this worker may be busy then, and the idle look every 5 s only
end
return { ids, bodies, counts, times, moment, held, drains, now, fire }
