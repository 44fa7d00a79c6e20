-- promote: move up to `limit` due jobs to waiting, in the order in which they became due.
-- Needs: delayed, since, standing, now, count_age, line.
local function promote(limit)
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
  if #due == 0 then
    return 0
  end
  local ids, lanes, began = {}, {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    began[#began + 1] = due[i]
    began[#began + 1] = due[i + 1]
    count_age(math.floor(tonumber(due[i + 1]) / 1000), 1)
  end
  local known = redis.call('HMGET', standing, unpack(ids))
  for i = 1, #ids do
    local priority, tenant = 5, ''
    if known[i] then
      priority, tenant = string.match(known[i], '^(%d)|(.*)$')
    end
    lanes[i] = (9 - priority) .. tenant
  end
  redis.call('ZREM', delayed, unpack(ids))
  redis.call('HSET', since, unpack(began))
  line(ids, lanes)
  return #ids
end
