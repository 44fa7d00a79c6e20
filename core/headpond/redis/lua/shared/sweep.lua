-- sweep: forget what speaks of tenants, batches and jobs that are long gone, about a hundred entries of each a step.
-- KEYS  meta rates rules tags members jobs
--@include batches
local function sweep(name, key, is_over)
  if redis.call('EXISTS', key) == 0 then
    return
  end
  local from = redis.call('HGET', meta, name) or '0'
  local found = redis.call('HSCAN', key, from, 'COUNT', '100')
  if found[1] ~= from then -- an idle queue writes nothing
    redis.call('HSET', meta, name, found[1])
  end
  for i = 1, #found[2], 2 do
    if is_over(found[2][i], found[2][i + 1]) then
      redis.call('HDEL', key, found[2][i])
    end
  end
end

-- rate_is_over: whether a tenant has no rate any more, or started nothing within its span.
local function rate_is_over(tenant, packed)
  local rule = redis.call('HGET', rules, tenant) or redis.call('HGET', rules, '*') or '1|0|0|0'
  local starts, most, per = cmsgpack.unpack(packed), string.match(rule, '(%d+)|(%d+)$')
  return tenant ~= '*' and (most == '0' or math.abs(now - starts[#starts - 1]) >= tonumber(per))
end

-- tag_is_over: whether the virtual time of its level has caught up with a tenant, so that its last tag says nothing.
local function tag_is_over(lane, tag)
  return tonumber(tag) <= tonumber(redis.call('HGET', meta, 'virtual' .. string.sub(lane, 1, 1)) or 0)
end

-- member_is_over: whether the job is none, and the batch that counted it as skipped is forgotten.
local function member_is_over(id, said)
  local own = string.match(said, '^%-?(.*)|%d+$')
  local batch = string.match(own, '^(.*)|%d+$')
  local record = record_of(batch)
  return redis.call('HEXISTS', jobs, id) == 0 and not (record and membership(batch, record) == own)
end

local function sweep_all()
  sweep('swept_rates', rates, rate_is_over)
  sweep('swept_tags', tags, tag_is_over)
  sweep('swept_members', members, member_is_over)
end
