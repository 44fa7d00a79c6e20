-- page: jobs of one state in order, from a score on. Changes nothing.
-- KEYS  waiting delayed active completed failed cancelled jobs standing owners tries outcomes reasons parked
-- ARGV  position of the state among KEYS · '1' for newest first · score to begin at · how many of that score to
--       leave out · limit
-- RETURNS rows as of `read`
-- COST  O(log n + limit)
local waiting, delayed, active, completed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local failed, cancelled, jobs, standing = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local owners, tries, outcomes = KEYS[9], KEYS[10], KEYS[11]
local reasons, parked = KEYS[12], KEYS[13]
--@include rows
local key = KEYS[tonumber(ARGV[1])]
local ids
if ARGV[2] == '1' then
  ids = redis.call('ZREVRANGEBYSCORE', key, ARGV[3], '-inf', 'LIMIT', ARGV[4], ARGV[5])
else
  ids = redis.call('ZRANGEBYSCORE', key, ARGV[3], '+inf', 'LIMIT', ARGV[4], ARGV[5])
end
return rows(ids)
