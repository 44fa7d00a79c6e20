-- usual: the standing of jobs of which `standing` says nothing. It is that of the queue's first job, for good: what has
-- one tenant pays nothing for it.
-- KEYS  meta
local function usual_standing()
  return redis.call('HGET', meta, 'usual') or '5|'
end
