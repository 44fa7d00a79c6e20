-- fire: enqueue the occurrences of a schedule and set its next time, unless somebody was faster.
-- KEYS  schedules wake
-- ARGV  now · name · definition · time that it was to fire · next ms (0: never) · n · the jobs: packed list and joined
--       bodies (see add)
-- RETURNS 1 when it was fired here
-- COST  O(n log waiting), n at most 1,000
--@include now
--@include ticks
local name = ARGV[2]
local at = redis.call('ZSCORE', ticks, name) or '0'
if redis.call('HGET', schedules, name) ~= ARGV[3] or tonumber(at) ~= tonumber(ARGV[4]) then
  return 0
end
if tonumber(ARGV[6]) > 0 then
  local n, packed, joined = tonumber(ARGV[6]), ARGV[7], ARGV[8]
  --@include add
end
set_tick(name, ARGV[5])
redis.call('ZADD', wake, '0', '0')
return 1
