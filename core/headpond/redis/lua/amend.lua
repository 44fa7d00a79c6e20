-- amend: change a job that has not started.
-- KEYS  waiting delayed standing wake
-- ARGV  now · id · priority or '' · due ms or ''
-- RETURNS the state in which it was, '' when there is no such job
-- COST  O(log n)
--@include now
--@include states
--@include requeue
--@include withdraw
--@include tell
local id, priority, due = ARGV[2], ARGV[3], ARGV[4]
local state = state_of(id)
if state ~= 'waiting' and state ~= 'delayed' then
  return state
end
local known = redis.call('HGET', standing, id) or usual_standing()
local old, tenant = string.match(known, '^(%d)|(.*)$')
if priority ~= '' and priority ~= old then
  known = priority .. '|' .. tenant
else
  priority = ''
end
local later = due ~= '' and tonumber(due) > now
if priority == '' and (due == '' or (state == 'waiting' and not later)) then
  return state
end
local from = state == 'waiting' and string.sub(prefixes({ id })[1], 1, 13)
local _, score = withdraw(id)
if known == usual_standing() then
  redis.call('HDEL', standing, id)
else
  redis.call('HSET', standing, id, known)
end
if later or (state == 'delayed' and due == '') then
  redis.call('ZADD', delayed, later and due or score, id)
else
  requeue({ id }, { from or stamp })
end
redis.call('ZADD', wake, '0', '0')
tell('changed', { id })
return state
