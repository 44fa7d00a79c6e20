-- schedules: every schedule. Changes nothing.
-- KEYS  schedules ticks
-- ARGV  now
-- RETURNS {name, definition, next ms} for each
-- COST  O(n)
local found = {}
local all = redis.call('HGETALL', schedules)
for i = 1, #all, 2 do
  found[#found + 1] = { all[i], all[i + 1], redis.call('ZSCORE', ticks, all[i]) or '0' }
end
return found
