-- claim: reap and promote, then hand out up to `want` jobs under one fence.
-- KEYS  waiting delayed active jobs owners tries since standing meta tags ages age_counts wake failed
--       outcomes reasons parked busy draining
-- ARGV  now · worker · fence (worker and a number that it never used before) · want
-- RETURNS {ids, bodies, tries or {}, since or {}, next due or 0, held, draining, now}
-- COST  O((want + reaped + promoted) log n), reaped at most 500, promoted at most 1,000
local waiting, delayed, active, jobs, owners = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tries, since, standing, meta, tags = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local ages, age_counts, wake, failed = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local outcomes, reasons, parked, busy, draining = KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
--@include now
--@include room
--@include ages
--@include line
--@include promote
--@include return
--@include reap
local worker, fence, want = ARGV[2], ARGV[3], tonumber(ARGV[4])
reap(500)
promote(1000)
local set = redis.call('HMGET', meta, 'held_spec', 'held_runtime', 'held_until', 'max_active', 'lease_ms')
local lifted = set[3] and set[3] ~= '0' and tonumber(set[3]) <= now
local held = (set[1] or (set[2] and not lifted)) and 1 or 0
local drains = redis.call('HEXISTS', draining, worker)
if set[4] and set[4] ~= '0' then
  want = math.min(want, tonumber(set[4]) - redis.call('ZCARD', active))
end
local popped = {}
if want > 0 and held == 0 and drains == 0 then
  popped = redis.call('ZPOPMIN', waiting, want)
end
local n = #popped / 2
if drains == 1 and redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, 0, '0') -- the word that woke this worker is for one that may claim
end
if n < want or want <= 0 then
  if n < want and held == 0 and drains == 0 then
    redis.call('DEL', tags) -- nothing waits: every tag is at most its level's virtual time
  end
  if n == 0 then
    local next_due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    return { {}, {}, {}, {}, tonumber(next_due[2] or 0), held, drains, now }
  end
elseif redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, 0, '0') -- more is there: wake the next idle worker
end
local ids, lease, own = {}, {}, {}
local ends = string.format('%.0f', now + tonumber(set[5] or 15000))
-- longer than 64 bytes on purpose: Redis keeps a hash of short values as a list, and searches it from its begin
local claimed = '|' .. string.format('%064.0f', now)
for i = 1, n do
  local id = popped[2 * i - 1]
  ids[i] = id
  lease[2 * i - 1] = ends
  lease[2 * i] = id
  own[2 * i - 1] = id
  own[2 * i] = fence .. '|' .. popped[2 * i] .. claimed
end
redis.call('ZADD', active, unpack(lease))
redis.call('HSET', owners, unpack(own))
redis.call('HINCRBY', busy, worker, n)
-- the virtual time of a level is the largest tag claimed in it; the jobs come in the order of their scores
local level = math.floor(tonumber(popped[2]) / BAND)
for i = 1, n do
  local following = i < n and math.floor(tonumber(popped[2 * i + 2]) / BAND) or -1
  if following ~= level then
    local tag = tonumber(popped[2 * i]) - level * BAND
    if tag > tonumber(redis.call('HGET', meta, 'virtual' .. level) or 0) then
      redis.call('HSET', meta, 'virtual' .. level, tag)
    end
    level = following
  end
end
local bodies = redis.call('HMGET', jobs, unpack(ids))
local counts, began = {}, {}
if redis.call('EXISTS', tries) == 1 then
  counts = redis.call('HMGET', tries, unpack(ids))
end
if redis.call('EXISTS', since) == 1 then
  began = redis.call('HMGET', since, unpack(ids))
end
if redis.call('EXISTS', parked) == 1 then
  redis.call('HDEL', parked, unpack(ids))
end
local seconds = {}
for i = 1, n do
  local second = string.sub(began[i] or bodies[i], 1, 10)
  seconds[second] = (seconds[second] or 0) + 1
end
for second, count in pairs(seconds) do
  count_age(string.format('%.0f', tonumber(second)), -count)
end
local next_due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
return { ids, bodies, counts, began, tonumber(next_due[2] or 0), held, drains, now }
