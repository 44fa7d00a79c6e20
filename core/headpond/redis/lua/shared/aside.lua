-- aside: jobs that only wait for others of their own tenant, out of everybody else's way.
-- KEYS  aside aside_at turns rules tenant_active waiting meta
-- A member of `aside` is tenant|old score|id, so that a tenant's first is found by its bytes.
--@include shares
--@include window
local function place_aside(id, tenant, score)
  redis.call('ZADD', aside, '0', tenant .. '|' .. string.format('%016d', score) .. '|' .. id)
  redis.call('HSET', aside_at, id, score)
end

-- bring_back: take these members to their old places among the waiting.
local function bring_back(names)
  if #names == 0 then
    return
  end
  local scores, ids = {}, {}
  for i, name in ipairs(names) do
    local score, id = string.match(name, '^[^|]*|(%d+)|(.*)$')
    scores[2 * i - 1] = score
    scores[2 * i] = id
    ids[i] = id
  end
  redis.call('ZREM', aside, unpack(names))
  redis.call('HDEL', aside_at, unpack(ids))
  redis.call('ZADD', waiting, unpack(scores))
end

-- quota_of: how many more jobs of a tenant may start now, and when its rate allows the next.
local quotas = {}
local function quota_of(tenant)
  local quota = quotas[tenant]
  if quota then
    return quota
  end
  local rule = redis.call('HGET', rules, tenant) or redis.call('HGET', rules, '*')
  local most, rate, per = string.match(rule or '1|0|0|0', '^%d+|(%d+)|(%d+)|(%d+)$')
  most, rate, per = tonumber(most), tonumber(rate), tonumber(per)
  quota = { slots = math.huge, starts = math.huge, taken = 0, per = per }
  if most > 0 then
    quota.slots = most - tonumber(redis.call('HGET', tenant_active, tenant) or 0)
  end
  if rate > 0 then
    quota.starts, quota.again, quota.kept = window(tenant, rate, per)
  end
  quotas[tenant] = quota
  return quota
end

-- recall: bring back jobs of tenants whose turn has come, at most some hundred.
local function recall()
  local cursor = redis.call('HGET', meta, 'recall')
  if cursor then -- the rules changed: everybody is judged anew, in the order of their members
    local names = redis.call('ZRANGEBYLEX', aside, cursor == '' and '-' or '(' .. cursor, '+', 'LIMIT', '0', '500')
    if #names < 500 then
      redis.call('HDEL', meta, 'recall')
    else
      redis.call('HSET', meta, 'recall', names[500])
    end
    bring_back(names)
  end
  local last = redis.call('ZREVRANGE', turns, '0', '0', 'WITHSCORES')
  if last[1] and last[2] - now > quota_of(last[1]).per then
    redis.call('ZADD', turns, now, last[1]) -- the clock was set back
  end
  for _, tenant in ipairs(redis.call('ZRANGEBYSCORE', turns, '-inf', now, 'LIMIT', '0', '20')) do
    local quota = quota_of(tenant)
    local room = math.max(0, math.min(quota.slots, quota.starts, 200))
    local names = {}
    if room > 0 then
      names = redis.call('ZRANGEBYLEX', aside, '[' .. tenant .. '|', '(' .. tenant .. '}', 'LIMIT', '0', room)
      bring_back(names)
    end
    if #names == room and quota.starts <= room then
      redis.call('ZADD', turns, quota.again, tenant)
    elseif #names == room and room == 200 then
      redis.call('ZADD', turns, now, tenant)
    else
      redis.call('ZREM', turns, tenant) -- none is left, or the end of an active one brings the next turn
    end
  end
end

-- pop_allowed: take the first `want` jobs whose tenants may start them; those of others step aside.
local function pop_allowed(want)
  local popped, looked = {}, 0
  while want > 0 and looked < 1000 do
    local found = redis.call('ZPOPMIN', waiting, math.min(want, 1000 - looked))
    if #found == 0 then
      return popped, false
    end
    local ids = {}
    for i = 1, #found, 2 do
      ids[#ids + 1] = found[i]
    end
    looked = looked + #ids
    for i, tenant in ipairs(tenants_of(ids)) do
      local quota = quota_of(tenant)
      if quota.taken < quota.slots and quota.taken < quota.starts then
        quota.taken = quota.taken + 1
        popped[#popped + 1] = ids[i]
        want = want - 1
      else
        place_aside(ids[i], tenant, found[2 * i])
        if quota.taken >= quota.starts then
          redis.call('ZADD', turns, quota.again, tenant)
        end
      end
    end
  end
  return popped, want > 0
end

-- count_starts: write down what pop_allowed gave out.
local function count_starts()
  for tenant, quota in pairs(quotas) do
    if quota.taken > 0 then
      redis.call('HINCRBY', tenant_active, tenant, quota.taken)
      if quota.kept then
        spend(tenant, quota.taken, quota.kept)
      end
    end
  end
end
