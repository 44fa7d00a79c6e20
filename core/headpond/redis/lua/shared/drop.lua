-- drop: forget jobs that are in no state any more. At most 1,000 ids.
-- KEYS  jobs standing tries since outcomes reasons parked progress members
local function drop(ids)
  if #ids == 0 then
    return
  end
  redis.call('HDEL', jobs, unpack(ids))
  if redis.call('EXISTS', outcomes) == 1 then
    redis.call('HDEL', outcomes, unpack(ids))
  end
  -- most queues have none of these, and to hand over the ids costs more than to ask
  if redis.call('EXISTS', standing, tries, since, reasons, parked, progress, members) == 0 then
    return
  end
  for _, column in ipairs({ standing, tries, since, reasons, parked, progress, members }) do
    if redis.call('EXISTS', column) == 1 then
      redis.call('HDEL', column, unpack(ids))
    end
  end
end

-- trim: keep the newest `keep` ended jobs and none from before `oldest`; at most 1,000 go.
local function trim(ended, keep, oldest)
  local ids = redis.call('ZRANGEBYSCORE', ended, '-inf', '(' .. string.format('%d', oldest), 'LIMIT', '0', '500')
  if #ids > 0 then
    redis.call('ZREM', ended, unpack(ids))
    drop(ids)
  end
  local over = math.min(redis.call('ZCARD', ended) - keep, 500)
  if over > 0 then
    ids = redis.call('ZRANGE', ended, '0', over - 1) -- ZPOPMIN would print scores that nobody reads
    redis.call('ZREMRANGEBYRANK', ended, '0', over - 1)
    drop(ids)
  end
end
