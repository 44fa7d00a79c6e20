-- shares: give tenants back the slots of jobs that are active no more.
-- KEYS  meta standing tenant_active aside turns wake
-- A tenant whose jobs stepped aside gets its turn: the next claim looks at it again.
--@include usual
local is_limited
local function limited()
  if is_limited == nil then
    local shares = redis.call('HGET', meta, 'shares')
    is_limited = shares and string.find(shares, 'l', 1, true) ~= nil or false
  end
  return is_limited
end

local function tenants_of(ids)
  local tenants, usual = redis.call('HMGET', standing, unpack(ids)), usual_standing()
  for i = 1, #ids do
    tenants[i] = string.sub(tenants[i] or usual, 3)
  end
  return tenants
end

local function turn(tenant)
  redis.call('ZADD', turns, '0', tenant)
  redis.call('ZADD', wake, '0', '0')
end

local function free_slots(ids)
  if not limited() then
    return
  end
  local freed = {}
  for _, tenant in ipairs(tenants_of(ids)) do
    freed[tenant] = (freed[tenant] or 0) + 1
  end
  local wanted = redis.call('EXISTS', aside) == 1
  for tenant, n in pairs(freed) do
    if redis.call('HINCRBY', tenant_active, tenant, -n) <= 0 then
      redis.call('HDEL', tenant_active, tenant)
    end
    if wanted then
      turn(tenant)
    end
  end
end
