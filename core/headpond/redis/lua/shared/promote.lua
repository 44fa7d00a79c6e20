-- promote: move up to `limit` due jobs to waiting, in the order in which they became due.
-- KEYS  delayed
--@include requeue
local function promote(limit)
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'WITHSCORES', 'LIMIT', '0', limit)
  if #due == 0 then
    return 0
  end
  local ids, began = {}, {}
  for i = 1, #due, 2 do
    ids[#ids + 1] = due[i]
    began[#began + 1] = string.format('%013d', due[i + 1])
  end
  redis.call('ZREM', delayed, unpack(ids))
  requeue(ids, began)
  return #ids
end
