-- open_batch: begin a batch, unless another of its name is being worked on.
-- KEYS  batch_calls batch_ends meta
-- ARGV  now · batch · total · lock ms · keep ms · then, if it has a callback: id, body, priority, delay ms, run at ms,
--       tenant, batch
-- RETURNS 1 when it was opened
-- COST  O(log n)
--@include now
--@include batches
local batch = ARGV[2]
local old = record_of(batch)
if old and old[10] == 0 and old[9] > now then
  return 0
end
local lock, keep = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZADD', batch_ends, string.format('%d', now + lock + keep), batch)
if ARGV[6] then
  redis.call('HSET', batch_calls, batch, cmsgpack.pack({ unpack(ARGV, 6, 12) }))
else
  redis.call('HDEL', batch_calls, batch)
end
local remaining = old and old[4] or 0
local opening = redis.call('HINCRBY', meta, 'batches', '1')
local generation = old and old[12] or opening
records[batch] = { tonumber(ARGV[3]), 0, 0, remaining, 0, 0, 0, now, now + lock, 0, keep, generation, opening }
keep_batch(batch)
return 1
