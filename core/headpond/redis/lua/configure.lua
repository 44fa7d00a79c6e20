-- configure: put a queue's settings into force; the first time makes the queue.
-- KEYS  meta wake rules tenant_active active standing aside
-- ARGV  now · epoch for a new queue · control channel · shares (w: weights matter, l: limits do) · n · then n times a
--       tenant (`*` is the default) and its rule weight|max active|rate max|rate per ms · then fields and values
-- RETURNS the version in force: one more than before when anything changed
-- COST  O(fields + tenants); where tenants' limits change also O(active)
local LAYOUT = 2 -- of the columns; `Care` refuses queues of another one
--@include room
--@include usual
if redis.call('HSETNX', meta, 'epoch', ARGV[2]) == 1 then
  redis.call('HSET', meta, 'layout', LAYOUT)
end
local fields = 6 + 2 * tonumber(ARGV[5])
local before = redis.call('HMGET', meta, 'shares', 'tenants')

-- count_again: how many jobs of each tenant are active, from the jobs themselves.
local function count_again()
  redis.call('DEL', tenant_active)
  if not string.find(ARGV[4], 'l', 1, true) then
    return
  end
  local found, usual = redis.call('ZRANGE', active, '0', '-1'), usual_standing()
  for first = 1, #found, 1000 do
    local ids = { unpack(found, first, math.min(first + 999, #found)) }
    for _, known in ipairs(redis.call('HMGET', standing, unpack(ids))) do
      redis.call('HINCRBY', tenant_active, string.sub(known or usual, 3), '1')
    end
  end
end

local changed = false
for i = fields, #ARGV, 2 do
  if redis.call('HGET', meta, ARGV[i]) ~= ARGV[i + 1] then
    redis.call('HSET', meta, ARGV[i], ARGV[i + 1])
    changed = true
  end
end
if before[2] ~= redis.call('HGET', meta, 'tenants') or before[1] ~= ARGV[4] then
  redis.call('DEL', rules)
  for i = 6, fields - 2, 2 do
    redis.call('HSET', rules, ARGV[i], ARGV[i + 1])
  end
  count_again()
  local shares = ARGV[4]
  if redis.call('EXISTS', aside) == 1 then
    shares = string.find(shares, 'l', 1, true) and shares or shares .. 'l' -- until all are back
    redis.call('HSET', meta, 'recall', '')
  end
  redis.call('HSET', meta, 'shares', shares)
end
if changed then
  redis.call('HINCRBY', meta, 'version', '1')
  redis.call('PUBLISH', ARGV[3], 'settings')
  redis.call('ZADD', wake, '0', '0') -- a limit may allow more now
end
return tonumber(redis.call('HGET', meta, 'version'))
