-- clear: remove up to 1,000 jobs of one state (never of active).
-- KEYS  state jobs standing tries since outcomes reasons parked ages age_counts tags
-- ARGV  now · '1' when the state is waiting
-- RETURNS how many went
-- COST  O(1,000)
local state, jobs, standing, tries, since = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local outcomes, reasons, parked = KEYS[6], KEYS[7], KEYS[8]
local ages, age_counts, tags = KEYS[9], KEYS[10], KEYS[11]
--@include ages
--@include drop
local popped = redis.call('ZPOPMIN', state, 1000)
local ids = {}
for i = 1, #popped, 2 do
  ids[#ids + 1] = popped[i]
end
if ARGV[2] == '1' and #ids > 0 then
  local began = redis.call('HMGET', since, unpack(ids))
  local bodies = redis.call('HMGET', jobs, unpack(ids))
  local seconds = {}
  for i = 1, #ids do
    local second = string.sub(began[i] or bodies[i], 1, 10)
    seconds[second] = (seconds[second] or 0) + 1
  end
  for second, count in pairs(seconds) do
    count_age(string.format('%.0f', tonumber(second)), -count)
  end
  if redis.call('EXISTS', state) == 0 then
    redis.call('DEL', tags) -- else a tenant would be behind by the jobs that it no longer has
  end
end
drop(ids)
return #ids
