-- line: give jobs their places among the waiting, by start-time fair queueing.
-- KEYS  waiting meta tags rules
-- A score is level · 2^49 + tag (level 0 starts first); a tenant's next tag is
-- max(virtual time of the level, its last tag) + 1024 / weight. A tag is kept with its fraction, a score without, so
-- weights up to 1,000 give each job of a tenant a score of its own. 2^49 / 1024 jobs fit before a level overflows.
local BAND = 562949953421312
local STEP = 1024
local function weight_of(tenant)
  local rule = redis.call('HGET', rules, tenant) or redis.call('HGET', rules, '*')
  return tonumber(rule and string.match(rule, '^%d+') or 1)
end

local function line(ids, lanes)
  local last, step, base, score = {}, {}, {}, {}
  for i = 1, #ids do
    local lane = lanes[i]
    local tag = last[lane]
    if not tag then
      local level = string.sub(lane, 1, 1)
      local set = redis.call('HMGET', meta, 'virtual' .. level, 'shares')
      tag = math.max(tonumber(redis.call('HGET', tags, lane) or 0), tonumber(set[1] or 0))
      base[lane] = tonumber(level) * BAND
      step[lane] = set[2] and set[2] ~= '' and STEP / weight_of(string.sub(lane, 2)) or STEP
    end
    tag = tag + step[lane]
    last[lane] = tag
    score[2 * i - 1] = base[lane] + math.floor(tag)
    score[2 * i] = ids[i]
  end
  redis.call('ZADD', waiting, unpack(score))
  for lane, tag in pairs(last) do
    redis.call('HSET', tags, lane, tag)
  end
end

-- lanes_of: the lane of each job, level and tenant, from what is known of it.
local function lanes_of(known)
  local lanes = {}
  for i = 1, #known do
    local priority, tenant = 5, ''
    if known[i] then
      priority, tenant = string.match(known[i], '^(%d)|(.*)$')
    end
    lanes[i] = (9 - priority) .. tenant
  end
  return lanes
end
