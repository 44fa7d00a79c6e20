-- line: give jobs their places among the waiting, by start-time fair queueing.
-- Needs: waiting, meta, tags. A score is level · 2^49 + tag (level 0 starts first); a tenant's next tag is
-- max(virtual time of the level, its last tag) + 256 / weight. 2^49 / 256 jobs fit before a level overflows.
local BAND = 562949953421312
local STEP = 256
local function line(ids, lanes)
  local last, base, score = {}, {}, {}
  for i = 1, #ids do
    local lane = lanes[i]
    local tag = last[lane]
    if not tag then
      local level = string.sub(lane, 1, 1)
      tag = math.max(
        tonumber(redis.call('HGET', tags, lane) or 0),
        tonumber(redis.call('HGET', meta, 'virtual' .. level) or 0)
      )
      base[lane] = tonumber(level) * BAND
    end
    tag = tag + STEP
    last[lane] = tag
    score[2 * i - 1] = base[lane] + tag
    score[2 * i] = ids[i]
  end
  redis.call('ZADD', waiting, unpack(score))
  for lane, tag in pairs(last) do
    redis.call('HSET', tags, lane, tag)
  end
end
