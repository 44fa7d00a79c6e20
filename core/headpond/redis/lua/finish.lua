-- finish: jobs that ended well go to completed with their outcome.
-- KEYS  meta completed outcomes waiting wake
-- ARGV  now · worker · packed reports (see owned) of id, length of the outcome, run µs · joined outcomes
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n) and at most 1,000 trimmed; n at most 500
--@include now
--@include drop
--@include room
--@include owned
--@include tell
local ids, places, stale, list = take_owned(ARGV[2], ARGV[3], 3)
if #ids == 0 then
  return stale
end
local set = redis.call('HMGET', meta, 'completed_count', 'completed_age_ms', 'max_active')
local keep = tonumber(set[1] or 1000)
redis.call('HINCRBY', meta, 'ended', #ids)
local ended, told, run_us = {}, {}, 0
local outcome_of = pieces(list, 3, 2, ARGV[4])
for i, id in ipairs(ids) do
  ended[2 * i - 1] = stamp
  ended[2 * i] = id
  told[2 * i - 1] = id
  told[2 * i] = outcome_of(places[i])
  run_us = run_us + list[places[i] + 2]
end
redis.call('HINCRBY', meta, 'run_us', run_us)
tell('completed', ids)
if redis.call('EXISTS', keyed, members, cancels) > 0 then
  --@include ending
  depart(ids, COMPLETED)
end
if keep == 0 then
  drop(ids)
else
  redis.call('ZADD', completed, unpack(ended))
  redis.call('HSET', outcomes, unpack(told))
  trim(completed, keep, now - tonumber(set[2] or 86400000))
end
if set[3] and set[3] ~= '0' and redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, '0', '0') -- a place under maxActive is free again
end
return stale
