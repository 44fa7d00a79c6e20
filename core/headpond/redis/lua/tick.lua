-- tick: what claims do on the way, for a queue that nobody claims from; trims by age, forgets dead workers.
-- KEYS  completed failed cancelled beats workers draining wake batches batch_calls batch_ends uniques unique_ends
-- ARGV  now
-- RETURNS how many jobs were reaped or promoted
-- COST  O(log n), at most 500 reaped, 1,000 promoted, 3,000 trimmed, 100 workers, 100 batches, 1,000 keys, about
--       100 entries of each hash that is swept
--@include now
--@include room
--@include promote
--@include reap
--@include drop
--@include sweep
-- What lies further ahead than a worker may have put it was put there before the clock was set back.
local lease = tonumber(redis.call('HGET', meta, 'lease_ms') or 14500)
for _, column in ipairs({ active, beats }) do
  local far = string.format('%d', now + 2 * lease + 60000)
  for _, it in ipairs(redis.call('ZRANGEBYSCORE', column, far, '+inf', 'LIMIT', '0', '500')) do
    redis.call('ZADD', column, string.format('%d', now + lease), it)
  end
end
local moved = reap(500)
local promoted = promote(1000)
if promoted > 0 or redis.call('EXISTS', waiting) == 1 then
  redis.call('ZADD', wake, '0', '0') -- a frozen worker may have taken the word that was for all
end
if redis.call('EXISTS', waiting, aside, active) == 0 then
  -- no old score is about: virtual time may begin anew, so that no level ever overflows
  redis.call('DEL', tags)
  redis.call('HDEL', meta, 'virtual0', 'virtual1', 'virtual2', 'virtual3', 'virtual4', 'virtual5', 'virtual6',
    'virtual7', 'virtual8', 'virtual9')
end
local set = redis.call('HMGET', meta, 'completed_count', 'completed_age_ms', 'failed_count', 'failed_age_ms')
trim(completed, tonumber(set[1] or 1000), now - tonumber(set[2] or 86400000))
trim(failed, tonumber(set[3] or 500), now - tonumber(set[4] or 604800000))
trim(cancelled, tonumber(set[3] or 500), now - tonumber(set[4] or 604800000))
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', beats, '-inf', now - 60000, 'LIMIT', '0', '100')) do
  redis.call('ZREM', beats, worker)
  redis.call('HDEL', workers, worker)
  redis.call('HDEL', draining, worker)
end
for _, worker in ipairs(redis.call('HKEYS', draining)) do
  if not redis.call('ZSCORE', beats, worker) then
    redis.call('HDEL', draining, worker) -- it was gone when it was asked
  end
end
for _, batch in ipairs(redis.call('ZRANGEBYSCORE', batch_ends, '-inf', now, 'LIMIT', '0', '100')) do
  redis.call('ZREM', batch_ends, batch)
  redis.call('HDEL', batches, batch)
  redis.call('HDEL', batch_calls, batch)
end
local free = redis.call('ZRANGEBYSCORE', unique_ends, '-inf', now, 'LIMIT', '0', '1000')
if #free > 0 then
  redis.call('ZREM', unique_ends, unpack(free))
  redis.call('HDEL', uniques, unpack(free))
end
sweep_all()
return moved + promoted
