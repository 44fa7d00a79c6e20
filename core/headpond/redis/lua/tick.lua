-- tick: what claims do on the way, for a queue that nobody claims from; trims by age, forgets dead workers.
-- KEYS  waiting delayed active jobs owners tries since standing meta tags ages age_counts wake failed
--       outcomes reasons parked busy completed cancelled beats workers draining
-- ARGV  now
-- RETURNS how many jobs were reaped or promoted
-- COST  O(log n), at most 500 reaped, 1,000 promoted, 3,000 trimmed, 100 workers
local waiting, delayed, active, jobs, owners = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tries, since, standing, meta, tags = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local ages, age_counts, wake, failed = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
local outcomes, reasons, parked, busy = KEYS[15], KEYS[16], KEYS[17], KEYS[18]
local completed, cancelled, beats, workers, draining = KEYS[19], KEYS[20], KEYS[21], KEYS[22], KEYS[23]
--@include now
--@include room
--@include ages
--@include line
--@include promote
--@include return
--@include reap
--@include drop
local moved = reap(500)
local promoted = promote(1000)
if promoted > 0 then
  redis.call('ZADD', wake, 0, '0')
end
local set = redis.call('HMGET', meta, 'completed_count', 'completed_age_ms', 'failed_count', 'failed_age_ms')
trim(completed, tonumber(set[1] or 1000), now - tonumber(set[2] or 86400000))
trim(failed, tonumber(set[3] or 500), now - tonumber(set[4] or 604800000))
trim(cancelled, tonumber(set[3] or 500), now - tonumber(set[4] or 604800000))
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', beats, '-inf', now - 60000, 'LIMIT', 0, 100)) do
  redis.call('ZREM', beats, worker)
  redis.call('HDEL', workers, worker)
  redis.call('HDEL', draining, worker)
end
for _, worker in ipairs(redis.call('HKEYS', draining)) do
  if not redis.call('ZSCORE', beats, worker) then
    redis.call('HDEL', draining, worker) -- it was gone when it was asked
  end
end
return moved + promoted
