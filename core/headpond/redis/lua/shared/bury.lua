-- bury: put a job to cancelled, or to failed by hand, because somebody said so.
-- KEYS  cancelled failed reasons outcomes parked meta
--@include drop
--@include ending
local buried = { cancelled = {}, manual = {} }
local function bury(id, into, outcome)
  if into == 'manual' then
    redis.call('ZADD', failed, now, id)
    redis.call('HSET', reasons, id, 'manual')
  else
    redis.call('ZADD', cancelled, now, id)
  end
  redis.call('HSET', outcomes, id, outcome)
  redis.call('HDEL', parked, id)
  table.insert(buried[into], id)
end

-- stopped_outcome: of a job whose run was never reported. An array of 7 by hand: a Lua table holds no nil.
local function stopped_outcome(claimed, worker)
  local packed = cmsgpack.pack(tonumber(claimed), 0, nil, 'Cancelled', 'Cancelled while it ran.', '', worker)
  return '\151' .. packed -- 0x97: an array of these seven
end

-- trim_ill: keep of failed or cancelled jobs what the settings of the failed ones say.
local function trim_ill(ended)
  local set = redis.call('HMGET', meta, 'failed_count', 'failed_age_ms')
  trim(ended, tonumber(set[1] or 500), now - tonumber(set[2] or 604800000))
end

-- close_graves: once all are buried: tell, count out, trim.
local function close_graves(detail)
  if #buried.cancelled > 0 then
    tell('cancelled', buried.cancelled, detail)
    depart(buried.cancelled, CANCELLED)
    trim_ill(cancelled)
  end
  if #buried.manual > 0 then
    tell('failed', buried.manual, 'manual')
    depart(buried.manual, FAILED)
    trim_ill(failed)
  end
  buried.cancelled, buried.manual = {}, {}
end
