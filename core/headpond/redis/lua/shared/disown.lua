-- disown: put back what was claimed under fences whose answers never came. The newest 1,000 leases are looked at.
-- KEYS  active owners busy
--@include bury
--@include return
--@include shares
--@include tell
local function disown(worker, fences)
  local ids, gone, said = redis.call('ZREVRANGE', active, '0', '999'), {}, {}
  if #ids == 0 then
    return
  end
  for i, owner in ipairs(redis.call('HMGET', owners, unpack(ids))) do
    if fences[string.match(owner, '^[^|]*')] then
      gone[#gone + 1] = ids[i]
      said[#gone] = owner
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
  local marks, back = marks_of(gone) or {}, {}
  for i, id in ipairs(gone) do
    if marks[i] then
      bury(id, marks[i], stopped_outcome(string.match(said[i], '(%d+)$'), worker))
    else
      back[#back + 1] = id
    end
  end
  put_back(back)
  if #back > 0 then
    tell('released', back)
  end
  close_graves()
end
