-- window: how many starts a rate still allows, exact over any span of `per` ms.
-- KEYS  rates
-- What started is kept as {ms, how many, ms, how many, …}; `*` is the queue, every other name a tenant.
local MOST_ENTRIES = 512
local function window(name, most, per)
  local packed = redis.call('HGET', rates, name)
  local kept, used = {}, 0
  if packed then
    local found = cmsgpack.unpack(packed)
    for i = 1, #found, 2 do
      if math.abs(now - found[i]) < per then -- a clock that was set back must not stop the queue for as long
        kept[#kept + 1] = found[i]
        kept[#kept + 1] = found[i + 1]
        used = used + found[i + 1]
      end
    end
  end
  return most - used, kept[1] and kept[1] + per or now + per, kept
end

local function spend(name, n, kept)
  if kept[#kept - 1] == now then
    kept[#kept] = kept[#kept] + n
  else
    kept[#kept + 1] = now
    kept[#kept + 1] = n
  end
  if #kept > MOST_ENTRIES then -- two become one at the later time: a little too strict, never too lax
    local joined = {}
    for i = 1, #kept, 4 do
      joined[#joined + 1] = kept[i + 2] or kept[i]
      joined[#joined + 1] = kept[i + 1] + (kept[i + 3] or 0)
    end
    kept = joined
  end
  redis.call('HSET', rates, name, cmsgpack.pack(kept))
end
