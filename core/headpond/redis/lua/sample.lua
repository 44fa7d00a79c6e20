-- sample: what a queue looks like now. Changes nothing.
-- KEYS  waiting delayed active completed failed cancelled parked meta ages beats workers busy
-- ARGV  now
-- RETURNS {now, waiting, due, delayed, active, completed, failed, cancelled, parked, oldest second or 0,
--          next due or 0, meta fields, {worker, what it says, active, heard of until} for each worker}
-- COST  O(log n + workers)
local waiting, delayed, active, completed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local failed, cancelled, parked, meta = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local ages, beats, workers, busy = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
--@include now
local due = redis.call('ZCOUNT', delayed, '-inf', now)
local after = '(' .. string.format('%.0f', now)
local next_due = redis.call('ZRANGEBYSCORE', delayed, after, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local oldest = redis.call('ZRANGE', ages, 0, 0)
local seen = {}
local beating = redis.call('ZRANGEBYSCORE', beats, after, '+inf', 'WITHSCORES')
for i = 1, #beating, 2 do
  local worker = beating[i]
  local says = redis.call('HGET', workers, worker) or ''
  seen[#seen + 1] = { worker, says, tonumber(redis.call('HGET', busy, worker) or 0), tonumber(beating[i + 1]) }
end
return {
  now,
  redis.call('ZCARD', waiting),
  due,
  redis.call('ZCARD', delayed) - due,
  redis.call('ZCARD', active),
  redis.call('ZCARD', completed),
  redis.call('ZCARD', failed),
  redis.call('ZCARD', cancelled),
  redis.call('HLEN', parked),
  tonumber(oldest[1] or 0),
  tonumber(next_due[2] or 0),
  redis.call(
    'HMGET', meta, 'epoch', 'held_spec', 'held_runtime', 'held_until', 'added', 'ended', 'run_us', 'stale', 'lease_ms'
  ),
  seen,
}
