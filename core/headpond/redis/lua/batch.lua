-- batch: what is known of a batch. Changes nothing.
-- KEYS  batches batch_ends
-- ARGV  now · batch
-- RETURNS the packed record, or '' when there is none any more
-- COST  O(log n)
--@include now
local ends = redis.call('ZSCORE', batch_ends, ARGV[2])
if not ends or tonumber(ends) <= now then
  return ''
end
return redis.call('HGET', batches, ARGV[2]) or ''
