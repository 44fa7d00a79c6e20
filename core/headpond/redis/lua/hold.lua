-- hold: start no job of this queue, or start them again.
-- KEYS  meta wake
-- ARGV  now · field of the source · who, why and since as JSON ('' lifts) · until ms (0: no end) · control channel
-- RETURNS 1 when a hold of this source was in force before
-- COST  O(1)
--@include now
--@include room
--@include tell
local set = redis.call('HMGET', meta, ARGV[2], 'held_until')
local until_ms = ARGV[2] == 'held_runtime' and tonumber(set[2] or 0) or 0
local had = set[1] and (until_ms == 0 or until_ms > now) and 1 or 0
if ARGV[3] == '' then
  redis.call('HDEL', meta, ARGV[2])
else
  redis.call('HSET', meta, ARGV[2], ARGV[3])
end
if ARGV[2] == 'held_runtime' then
  redis.call('HSET', meta, 'held_until', ARGV[4])
end
if ARGV[3] ~= '' or had == 1 then
  tell(ARGV[3] == '' and 'resumed' or 'held', {}, string.sub(ARGV[2], 6))
end
redis.call('ZADD', wake, 0, '0')
redis.call('PUBLISH', ARGV[5], 'hold')
return had
