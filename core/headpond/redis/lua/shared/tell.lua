-- tell: say what happened to jobs, in the queue's capped stream.
-- KEYS  events
local function tell(name, ids, detail)
  local most = #ids > 100 and '200' or '1000' -- steps of many jobs are large
  if detail then
    redis.call('XADD', events, 'MAXLEN', '~', most, '*', 'e', name, 'i', table.concat(ids, ' '), 'd', detail)
  else
    redis.call('XADD', events, 'MAXLEN', '~', most, '*', 'e', name, 'i', table.concat(ids, ' '))
  end
end
