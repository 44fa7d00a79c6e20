-- configure: put a queue's settings into force; the first time makes the queue.
-- KEYS  meta wake
-- ARGV  now · epoch for a new queue · control channel · then fields and values
-- RETURNS the version in force: one more than before when anything changed
-- COST  O(fields)
local meta, wake = KEYS[1], KEYS[2]
redis.call('HSETNX', meta, 'epoch', ARGV[2])
local changed = false
for i = 4, #ARGV, 2 do
  if redis.call('HGET', meta, ARGV[i]) ~= ARGV[i + 1] then
    redis.call('HSET', meta, ARGV[i], ARGV[i + 1])
    changed = true
  end
end
if changed then
  redis.call('HINCRBY', meta, 'version', 1)
  redis.call('PUBLISH', ARGV[3], 'settings')
  redis.call('ZADD', wake, 0, '0') -- maxActive may allow more now
end
return tonumber(redis.call('HGET', meta, 'version'))
