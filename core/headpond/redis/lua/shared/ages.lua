-- ages: how many waiting jobs began to wait in which second, so that the oldest is known in O(log n).
-- KEYS  ages age_counts jobs since
local function count_age(second, n)
  local left = redis.call('HINCRBY', age_counts, second, n)
  if left == n and n > 0 then
    redis.call('ZADD', ages, second, second)
  elseif left <= 0 then
    redis.call('HDEL', age_counts, second)
    redis.call('ZREM', ages, second)
  end
end

-- began: since when each job waits, ms as text.
local function began(ids)
  local found = {}
  if redis.call('EXISTS', since) == 1 then
    found = redis.call('HMGET', since, unpack(ids))
  end
  local bodies
  for i = 1, #ids do
    if not found[i] then
      bodies = bodies or redis.call('HMGET', jobs, unpack(ids))
      found[i] = string.sub(bodies[i], 1, 13)
    end
  end
  return found
end

-- count_ages: add `sign` for each of these jobs.
local function count_ages(times, sign)
  local seconds = {}
  for i = 1, #times do
    local second = math.floor(tonumber(times[i]) / 1000)
    seconds[second] = (seconds[second] or 0) + sign
  end
  for second, n in pairs(seconds) do
    count_age(second, n)
  end
end
