-- return: put a job that was active back to its old place.
-- KEYS  waiting
--@include ages
local function put_back(id, score)
  redis.call('ZADD', waiting, score, id)
  count_ages(began({ id }), 1)
end
