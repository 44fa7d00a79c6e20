-- keys: make keys of uniqueness free again.
-- KEYS  keyed uniques unique_ends
-- keyed[id] is s, e or n (until start, until end, by time alone) and the field of uniques; that is id|free at.
local function free_keys(ids, at_start)
  local found = redis.call('HMGET', keyed, unpack(ids))
  for i = 1, #ids do
    local letter = found[i] and string.sub(found[i], 1, 1)
    if letter and (letter == 's' or not at_start) then
      redis.call('HDEL', keyed, ids[i])
      local field = string.sub(found[i], 2)
      local holder = redis.call('HGET', uniques, field)
      if letter ~= 'n' and holder and string.find(holder, ids[i] .. '|', 1, true) == 1 then
        redis.call('HDEL', uniques, field)
        redis.call('ZREM', unique_ends, field)
      end
    end
  end
end
