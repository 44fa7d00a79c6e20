-- finish: jobs that ended well go to completed with their outcome.
-- KEYS  meta completed outcomes waiting wake
-- ARGV  now · worker · run µs of all · n · then for each job: id, fence, outcome
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n) and at most 1,000 trimmed; n at most 500
--@include now
--@include drop
--@include room
--@include owned
--@include tell
--@include ending
local good, stale, ids = take_owned(ARGV[2], 5, 3, tonumber(ARGV[4]))
if #good == 0 then
  return stale
end
local set = redis.call('HMGET', meta, 'completed_count', 'completed_age_ms', 'max_active')
local keep = tonumber(set[1] or 1000)
redis.call('HINCRBY', meta, 'ended', #good)
redis.call('HINCRBY', meta, 'run_us', ARGV[3])
local ended, told = {}, {}
local at = string.format('%.0f', now) -- a number would be written out anew for each job
for i, id in ipairs(ids) do
  ended[2 * i - 1] = at
  ended[2 * i] = id
  told[2 * i - 1] = id
  told[2 * i] = ARGV[good[i] + 2]
end
tell('completed', ids)
depart(ids, COMPLETED)
if keep == 0 then
  drop(ids)
else
  redis.call('ZADD', completed, unpack(ended))
  redis.call('HSET', outcomes, unpack(told))
  trim(completed, keep, now - tonumber(set[2] or 86400000))
end
if set[3] and set[3] ~= '0' and redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, 0, '0') -- a place under maxActive is free again
end
return stale
