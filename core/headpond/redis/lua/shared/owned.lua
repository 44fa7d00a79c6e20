-- owned: split reports of jobs into those whose fence still holds and those that are stale.
-- Needs: owners, active, busy, meta. Reports begin at ARGV[first], `width` arguments each: id, fence, ...
-- Takes the good ones out of active; returns {position, id, old score} for each, and the stale ids.
local function take_owned(worker, first, width, n)
  local ids, good, gone, stale, taken = {}, {}, {}, {}, {}
  for i = 1, n do
    ids[i] = ARGV[first + (i - 1) * width]
  end
  local held = redis.call('HMGET', owners, unpack(ids))
  for i = 1, n do
    local at = first + (i - 1) * width
    local fence = ARGV[at + 1] .. '|'
    local owner = held[i]
    if owner and not taken[ids[i]] and string.sub(owner, 1, #fence) == fence then
      taken[ids[i]] = true -- a job reported twice in one call counts once
      good[#good + 1] = { at, ids[i], string.match(owner, '|([^|]*)|') }
      gone[#gone + 1] = ids[i]
    else
      stale[#stale + 1] = ids[i]
    end
  end
  if #gone > 0 then
    redis.call('HDEL', owners, unpack(gone))
    redis.call('ZREM', active, unpack(gone))
    if redis.call('HINCRBY', busy, worker, -#gone) <= 0 then
      redis.call('HDEL', busy, worker)
    end
  end
  if #stale > 0 then
    redis.call('HINCRBY', meta, 'stale', #stale)
  end
  return good, stale
end
