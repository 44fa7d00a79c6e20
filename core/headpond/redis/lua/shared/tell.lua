-- tell: say what happened to jobs, in the queue's capped stream.
-- KEYS  events
local function tell(name, ids, detail)
  if detail then
    redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'e', name, 'i', table.concat(ids, ' '), 'd', detail)
  else
    redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'e', name, 'i', table.concat(ids, ' '))
  end
end
