-- mark: leave the backlog that the enqueue which crosses it announces.
-- KEYS  meta
-- ARGV  now · backlog (0: announce nothing)
-- RETURNS 1
-- COST  O(1)
--@include room
if ARGV[2] == '0' then
  redis.call('HDEL', meta, 'wake_at')
else
  redis.call('HSET', meta, 'wake_at', ARGV[2])
end
return 1
