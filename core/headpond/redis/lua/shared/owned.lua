-- owned: split reports of jobs into those whose fence still holds and those that are stale.
-- KEYS  owners active busy meta
-- Reports begin at ARGV[first], `width` arguments each: id, fence, ...
-- Takes the good ones out of active; returns their positions, the stale ids, the good ids, and what owners
-- said of these (fence|old score|claimed).
--@include shares
local function take_owned(worker, first, width, n)
  local ids, good, gone, stale, taken, said = {}, {}, {}, {}, {}, {}
  local token, fence
  for i = 1, n do
    ids[i] = ARGV[first + (i - 1) * width]
  end
  local held = redis.call('HMGET', owners, unpack(ids))
  for i = 1, n do
    local at = first + (i - 1) * width
    local id, owner = ids[i], held[i]
    if ARGV[at + 1] ~= token then
      token = ARGV[at + 1]
      fence = token .. '|'
    end
    if owner and not taken[id] and string.find(owner, fence, 1, true) == 1 then
      taken[id] = true -- a job reported twice in one call counts once
      good[#good + 1] = at
      gone[#gone + 1] = id
      said[#said + 1] = owner
    else
      stale[#stale + 1] = id
    end
  end
  if #gone > 0 then
    redis.call('HDEL', owners, unpack(gone))
    redis.call('ZREM', active, unpack(gone))
    if redis.call('HINCRBY', busy, worker, -#gone) <= 0 then
      redis.call('HDEL', busy, worker)
    end
    free_slots(gone)
  end
  if #stale > 0 then
    redis.call('HINCRBY', meta, 'stale', #stale)
  end
  return good, stale, gone, said
end
