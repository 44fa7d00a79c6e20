-- open_batch: begin a batch, unless another of its name is being worked on.
-- KEYS  batches batch_calls batch_ends
-- ARGV  now · batch · total · lock ms · keep ms · then, if it has a callback: id, body, priority, delay ms, run at ms,
--       tenant
-- RETURNS 1 when it was opened
-- COST  O(log n)
--@include now
--@include batches
local batch = ARGV[2]
local packed = redis.call('HGET', batches, batch)
local remaining = 0
if packed then
  local old = cmsgpack.unpack(packed)
  if old[10] == 0 and old[9] > now then
    return 0
  end
  remaining = old[4]
end
local lock, keep = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', batch_ends, now + lock + keep, batch)
if ARGV[6] then
  redis.call('HSET', batch_calls, batch, cmsgpack.pack({ unpack(ARGV, 6, 11) }))
else
  redis.call('HDEL', batch_calls, batch)
end
keep_batch(batch, { tonumber(ARGV[3]), 0, 0, remaining, 0, 0, 0, now, now + lock, 0, keep })
return 1
