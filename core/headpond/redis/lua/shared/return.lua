-- return: put a job that was active back to its old place. Needs: waiting, jobs, since, count_age.
local function put_back(id, score)
  redis.call('ZADD', waiting, score, id)
  local began = redis.call('HGET', since, id) or string.sub(redis.call('HGET', jobs, id), 1, 13)
  count_age(math.floor(tonumber(began) / 1000), 1)
end
