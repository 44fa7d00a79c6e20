-- ages: how many waiting jobs began to wait in which second, so that the oldest is known in O(log n).
-- KEYS  ages age_counts jobs since
-- A job has a prefix of 13 digits (since when it waits, ms) and 16 (its score in waiting): before its body, or what
-- `since` has of a job that did not wait from the first moment on.
local function count_age(second, n)
  local left = redis.call('HINCRBY', age_counts, second, n)
  if left == n and n > 0 then
    redis.call('ZADD', ages, second, second)
  elseif left <= 0 then
    redis.call('HDEL', age_counts, second)
    redis.call('ZREM', ages, second)
  end
end

local function prefixes(ids)
  local found = {}
  if redis.call('EXISTS', since) == 1 then
    found = redis.call('HMGET', since, unpack(ids))
  end
  local bodies
  for i = 1, #ids do
    if not found[i] then
      bodies = bodies or redis.call('HMGET', jobs, unpack(ids))
      found[i] = string.sub(bodies[i], 1, 29)
    end
  end
  return found
end

-- count_ages: add `sign` for each of these jobs; neighbours mostly began in the same second.
local function count_ages(texts, sign)
  local second, n = '', 0
  for i = 1, #texts do
    local its = string.sub(texts[i], 1, 10)
    if its == second then
      n = n + sign
    else
      if n ~= 0 then
        count_age(second, n)
      end
      second, n = its, sign
    end
  end
  if n ~= 0 then
    count_age(second, n)
  end
end
