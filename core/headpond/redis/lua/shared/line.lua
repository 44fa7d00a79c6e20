-- line: give jobs their places among the waiting, by start-time fair queueing.
-- KEYS  waiting meta tags rules
-- A score has 16 digits: the level (0 starts first), then a tag. A tenant's next tag in a level is
-- max(virtual time of the level, its last tag) + 1024 / weight. A tag is kept with its fraction, a score without, so
-- weights up to 1,000 give each job of a tenant a score of its own. 10^15 / 1024 jobs fit before a level overflows;
-- ticks of an empty queue begin anew.
local STEP = 1024
local NOWHERE = '0000000000000000' -- in place of the score of a job that doesn't wait
local function weight_of(tenant)
  local rule = redis.call('HGET', rules, tenant) or redis.call('HGET', rules, '*')
  return tonumber(rule and string.match(rule, '^%d+') or 1)
end

-- last_tags: the last tag of each lane, or its level's virtual time; and the step from one to the next.
local function last_tags(lanes)
  local fields, at = { 'shares' }, {}
  for _, lane in ipairs(lanes) do
    local level = string.sub(lane, 1, 1)
    if not at[level] then
      fields[#fields + 1] = 'virtual' .. level
      at[level] = #fields
    end
  end
  local set, known = redis.call('HMGET', meta, unpack(fields)), redis.call('HMGET', tags, unpack(lanes))
  local weighs = set[1] and set[1] ~= ''
  local last, step = {}, {}
  for i, lane in ipairs(lanes) do
    last[lane] = math.max(tonumber(known[i] or 0), tonumber(set[at[string.sub(lane, 1, 1)]] or 0))
    step[lane] = weighs and STEP / weight_of(string.sub(lane, 2)) or STEP
  end
  return last, step
end

-- Returns the scores. They are texts, as are tags without a fraction: Redis would print a number with 17 digits, in ten
-- times the time.
local function line(ids, lanes)
  local seen, distinct = {}, {}
  for i = 1, #ids do
    if not seen[lanes[i]] then
      seen[lanes[i]] = true
      distinct[#distinct + 1] = lanes[i]
    end
  end
  local last, step = last_tags(distinct)
  local scores, args = {}, {}
  for i = 1, #ids do
    local lane = lanes[i]
    local tag = last[lane] + step[lane]
    last[lane] = tag
    local score = string.format('%s%015d', string.sub(lane, 1, 1), tag)
    scores[i] = score
    args[2 * i - 1] = score
    args[2 * i] = ids[i]
  end
  redis.call('ZADD', waiting, unpack(args))
  local kept = {}
  for i, lane in ipairs(distinct) do
    local tag = last[lane]
    kept[2 * i - 1] = lane
    kept[2 * i] = tag % 1 == 0 and string.format('%d', tag) or tag
  end
  redis.call('HSET', tags, unpack(kept))
  return scores
end

-- lanes_of: the lane of each job, level and tenant, from its standing.
local function lanes_of(known, usual)
  local lanes = {}
  for i = 1, #known do
    local priority, tenant = string.match(known[i] or usual, '^(%d)|(.*)$')
    lanes[i] = (9 - priority) .. tenant
  end
  return lanes
end
