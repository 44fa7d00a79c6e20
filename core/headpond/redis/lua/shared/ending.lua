-- ending: what follows when jobs have ended for good.
-- KEYS  keyed members cancels
--@include batches
--@include keys
local function depart(ids, how)
  if #ids == 0 or redis.call('EXISTS', keyed, members, cancels) == 0 then
    return
  end
  redis.call('HDEL', cancels, unpack(ids))
  free_keys(ids)
  settle(ids, how)
end

-- marks_of: of jobs that somebody wants stopped, into what; `nil` when there is none at all.
local function marks_of(ids)
  if redis.call('EXISTS', cancels) == 1 then
    return redis.call('HMGET', cancels, unpack(ids))
  end
end
