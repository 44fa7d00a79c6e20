-- promote: move up to `limit` due jobs to waiting, in the order in which they became due.
-- KEYS  delayed since standing
--@include ages
--@include line
local function promote(limit)
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
  if #due == 0 then
    return 0
  end
  local ids, times, marks = {}, {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    times[#times + 1] = due[i + 1]
    marks[i] = due[i]
    marks[i + 1] = due[i + 1]
  end
  redis.call('ZREM', delayed, unpack(ids))
  redis.call('HSET', since, unpack(marks))
  count_ages(times, 1)
  line(ids, lanes_of(redis.call('HMGET', standing, unpack(ids))))
  return #ids
end
