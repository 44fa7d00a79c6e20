-- release: held jobs go back without a counted attempt, to their old places or as delayed.
-- KEYS  active owners busy meta waiting delayed wake jobs since parked ages age_counts
-- ARGV  now · worker · n · then for each job: id, fence, delay ms, unknown job type or '', new body or ''
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n), n at most 500
local active, owners, busy, meta, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local delayed, wake, jobs, since, parked = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local ages, age_counts = KEYS[11], KEYS[12]
--@include now
--@include ages
--@include return
--@include room
--@include owned
local good, stale, ids, said = take_owned(ARGV[2], 4, 5, tonumber(ARGV[3]))
for i, at in ipairs(good) do
  local id = ids[i]
  local delay, unknown, body = tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4]
  if body ~= '' then
    redis.call('HSET', jobs, id, string.sub(redis.call('HGET', jobs, id), 1, 13) .. body)
  end
  if unknown ~= '' then
    redis.call('HSET', parked, id, unknown)
  end
  if delay > 0 then
    redis.call('ZADD', delayed, now + delay, id)
  else
    put_back(id, string.match(said[i], '|([^|]*)|'))
  end
end
if #good > 0 then
  redis.call('ZADD', wake, 0, '0')
end
return stale
