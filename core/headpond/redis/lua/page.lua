-- page: jobs of one state in order, from a score on. Changes nothing.
-- KEYS  waiting delayed active completed failed cancelled jobs aside aside_at
-- ARGV  now · position of the state among KEYS, 8 for those aside · '1' for newest first · score to begin at · how many
--       of that score to leave out · limit
-- RETURNS rows as of `read`
-- COST  O(log n + limit)
--@include now
--@include rows
local ids
if ARGV[2] == '8' then -- all have the score 0; after the others: nobody knows when they come back
  ids = redis.call('ZRANGEBYLEX', aside, '-', '+', 'LIMIT', ARGV[5], ARGV[6])
  for i, member in ipairs(ids) do
    ids[i] = string.match(member, '^[^|]*|%d+|(.*)$')
  end
elseif ARGV[3] == '1' then
  ids = redis.call('ZREVRANGEBYSCORE', KEYS[tonumber(ARGV[2])], ARGV[4], '-inf', 'LIMIT', ARGV[5], ARGV[6])
else
  ids = redis.call('ZRANGEBYSCORE', KEYS[tonumber(ARGV[2])], ARGV[4], '+inf', 'LIMIT', ARGV[5], ARGV[6])
end
return rows(ids)
