-- ages: how many waiting jobs began to wait in which second, so that the oldest is known in O(log n).
-- KEYS  ages age_counts
local function count_age(second, n)
  local left = redis.call('HINCRBY', age_counts, second, n)
  if left == n and n > 0 then
    redis.call('ZADD', ages, second, second)
  elseif left <= 0 then
    redis.call('HDEL', age_counts, second)
    redis.call('ZREM', ages, second)
  end
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
