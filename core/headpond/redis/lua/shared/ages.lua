-- ages: how many waiting jobs began to wait in which second, so that the oldest is known in O(log n).
-- Needs: ages, age_counts.
local function count_age(second, n)
  local left = redis.call('HINCRBY', age_counts, second, n)
  if left == n and n > 0 then
    redis.call('ZADD', ages, second, second)
  elseif left <= 0 then
    redis.call('HDEL', age_counts, second)
    redis.call('ZREM', ages, second)
  end
end
