-- disown: put back what was claimed under fences whose answers never came. The newest 1,000 leases are looked at.
-- KEYS  active owners busy
--@include return
--@include shares
--@include tell
local function disown(worker, fences)
  local ids, gone = redis.call('ZREVRANGE', active, 0, 999), {}
  if #ids == 0 then
    return
  end
  for i, owner in ipairs(redis.call('HMGET', owners, unpack(ids))) do
    if fences[string.match(owner, '^[^|]*')] then
      gone[#gone + 1] = ids[i]
    end
  end
  if #gone == 0 then
    return
  end
  redis.call('ZREM', active, unpack(gone))
  redis.call('HDEL', owners, unpack(gone))
  if redis.call('HINCRBY', busy, worker, -#gone) <= 0 then
    redis.call('HDEL', busy, worker)
  end
  free_slots(gone)
  put_back(gone)
  tell('released', gone)
end
