-- owned: split reports of jobs into those whose fence still holds and those that are stale.
-- KEYS  owners active busy meta
-- Reports are a packed list of runs under one fence: fence, how many, then `width` values each, the id first.
-- Takes the good ones out of active; returns their ids, where their values begin in the list, the stale ids, the list,
-- and what owners said of the good ones (fence|claimed).

-- pieces: a function that cuts out what belongs to the report at a place; its nth value is the length.
local function pieces(list, width, nth, joined)
  local starts, first, at = {}, 1, 1
  while list[first] do
    for place = first + 2, first + 1 + list[first + 1] * width, width do
      starts[place] = at
      at = at + list[place + nth - 1]
    end
    first = first + 2 + list[first + 1] * width
  end
  return function(place)
    local from = starts[place]
    return string.sub(joined, from, from + list[place + nth - 1] - 1)
  end
end

local function take_owned(worker, packed, width)
  local list = cmsgpack.unpack(packed)
  local good, places, stale, said, taken = {}, {}, {}, {}, {}
  local first = 1
  while list[first] do
    local fence, n, same = list[first] .. '|', list[first + 1], nil
    local ids = {}
    for i = 1, n do
      ids[i] = list[first + 2 + (i - 1) * width]
    end
    local held = redis.call('HMGET', owners, unpack(ids))
    for i = 1, n do
      local id, owner = ids[i], held[i]
      if owner and owner ~= same and string.sub(owner, 1, #fence) == fence then
        same = owner -- the jobs of a claim have one owner
      end
      if owner and owner == same and not taken[id] then
        taken[id] = true -- a job reported twice in one call counts once
        good[#good + 1] = id
        places[#good] = first + 2 + (i - 1) * width
        said[#good] = owner
      else
        stale[#stale + 1] = id
      end
    end
    first = first + 2 + n * width
  end
  if #good > 0 then
    redis.call('HDEL', owners, unpack(good))
    redis.call('ZREM', active, unpack(good))
    if redis.call('HINCRBY', busy, worker, -#good) <= 0 then
      redis.call('HDEL', busy, worker)
    end
    local shares = redis.call('HGET', meta, 'shares')
    if shares and string.find(shares, 'l', 1, true) then
      --@include shares
      free_slots(good)
    end
  end
  if #stale > 0 then
    redis.call('HINCRBY', meta, 'stale', #stale)
  end
  return good, places, stale, list, said
end
