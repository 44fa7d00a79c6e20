-- hold: start no job of this queue, or start them again.
-- KEYS  meta wake
-- ARGV  now · source · who, why and since as JSON ('' lifts) · until ms (0: no end) · control channel
-- RETURNS 1 when a hold of this source was in force before
-- COST  O(1)
--@include now
--@include room
--@include tell
local source, field = ARGV[2], 'held_' .. ARGV[2]
local set = redis.call('HMGET', meta, field, field .. '_until')
local until_ms = tonumber(set[2] or 0)
local had = set[1] and (until_ms == 0 or until_ms > now) and 1 or 0
if ARGV[3] == '' then
  redis.call('HDEL', meta, field, field .. '_until')
else
  redis.call('HSET', meta, field, ARGV[3], field .. '_until', ARGV[4])
end
if ARGV[3] ~= '' or had == 1 then
  tell(ARGV[3] == '' and 'resumed' or 'held', {}, source)
end
redis.call('ZADD', wake, '0', '0')
redis.call('PUBLISH', ARGV[5], 'hold')
return had
