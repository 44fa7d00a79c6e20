-- schedule: keep a schedule, or forget one.
-- KEYS  schedules wake
-- ARGV  now · name · definition ('' forgets it) · next ms (0: never)
-- RETURNS 1 when there was one of this name before
-- COST  O(log n)
--@include ticks
local name = ARGV[2]
local had = redis.call('HEXISTS', schedules, name)
if ARGV[3] == '' then
  redis.call('HDEL', schedules, name)
  set_tick(name, '0')
else
  redis.call('HSET', schedules, name, ARGV[3])
  set_tick(name, ARGV[4])
  redis.call('ZADD', wake, '0', '0') -- an idle worker learns when to be back
end
return had
