-- sample: what a queue looks like now. Changes nothing.
-- KEYS  waiting delayed active completed failed cancelled parked meta ages beats workers busy aside_at
-- ARGV  now
-- RETURNS {now, waiting, due, delayed, active, completed, failed, cancelled, parked, oldest second or 0,
--          next due or 0, meta fields, {worker, heard of (13 digits, ms) and what it says, active} for each worker,
--          aside}
-- COST  O(log n + workers)
--@include now
local due = redis.call('ZCOUNT', delayed, '-inf', now)
local after = '(' .. string.format('%d', now)
local next_due = redis.call('ZRANGEBYSCORE', delayed, after, '+inf', 'WITHSCORES', 'LIMIT', '0', '1')
local oldest = redis.call('ZRANGE', ages, '0', '0')
local seen = {}
local beating = redis.call('ZRANGEBYSCORE', beats, after, '+inf')
for i = 1, #beating do
  local worker = beating[i]
  local says = redis.call('HGET', workers, worker) or stamp
  seen[#seen + 1] = { worker, says, tonumber(redis.call('HGET', busy, worker) or 0) }
end
local stepped = redis.call('HLEN', aside_at)
return {
  now,
  redis.call('ZCARD', waiting) + stepped,
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
    'HMGET', meta, 'epoch', 'held_spec', 'held_spec_until', 'held_runtime', 'held_runtime_until', 'added', 'ended',
    'run_us', 'stale', 'next_tick'
  ),
  seen,
  stepped,
}
