-- record: keep a scaling decision, newest first.
-- KEYS  decisions
-- ARGV  now · decision · how many to keep
-- RETURNS 1
-- COST  O(1)
--@include room
redis.call('LPUSH', decisions, ARGV[2])
redis.call('LTRIM', decisions, '0', ARGV[3] - 1)
return 1
