-- line: give jobs their places among the waiting, by start-time fair queueing.
-- KEYS  waiting meta tags rules
-- A score has 16 digits: the level (0 starts first), then a tag. A tenant's next tag in a level is
-- max(virtual time of the level, its last tag) + 1024 / weight. A tag is kept with its fraction, a score without, so
-- weights up to 1,000 give each job of a tenant a score of its own. 10^15 / 1024 jobs fit before a level overflows.
local STEP = 1024
local function weight_of(tenant)
  local rule = redis.call('HGET', rules, tenant) or redis.call('HGET', rules, '*')
  return tonumber(rule and string.match(rule, '^%d+') or 1)
end

-- Returns the scores. They are texts: Redis would print a number with 17 digits, in ten times the time.
local function line(ids, lanes)
  local last, step, scores, args = {}, {}, {}, {}
  for i = 1, #ids do
    local lane = lanes[i]
    local tag = last[lane]
    if not tag then
      local set = redis.call('HMGET', meta, 'virtual' .. string.sub(lane, 1, 1), 'shares')
      tag = math.max(tonumber(redis.call('HGET', tags, lane) or 0), tonumber(set[1] or 0))
      step[lane] = set[2] and set[2] ~= '' and STEP / weight_of(string.sub(lane, 2)) or STEP
    end
    tag = tag + step[lane]
    last[lane] = tag
    local score = string.sub(lane, 1, 1) .. string.format('%015d', tag)
    scores[i] = score
    args[2 * i - 1] = score
    args[2 * i] = ids[i]
  end
  redis.call('ZADD', waiting, unpack(args))
  for lane, tag in pairs(last) do
    redis.call('HSET', tags, lane, tag)
  end
  return scores
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
