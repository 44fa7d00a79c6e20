-- leave: a worker goes; whoever is idle looks for what it may have left.
-- KEYS  beats workers busy draining wake
-- ARGV  now · worker
-- RETURNS 1
-- COST  O(log n)
local worker = ARGV[2]
redis.call('ZREM', beats, worker)
redis.call('HDEL', workers, worker)
redis.call('HDEL', draining, worker)
if tonumber(redis.call('HGET', busy, worker) or 0) <= 0 then
  redis.call('HDEL', busy, worker)
end
redis.call('ZADD', wake, '0', '0')
return 1
