-- retry: failed and cancelled jobs wait again, with all their retries before them.
-- KEYS  failed cancelled tries reasons progress wake
-- ARGV  now · then ids
-- RETURNS for each id the state in which it was, '' when there is no such job
-- COST  O(n log n), n at most 1,000
--@include now
--@include requeue
--@include states
--@include tell
local answers, again, began, moved = {}, {}, {}, {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local state = moved[id] or state_of(id)
  answers[i - 1] = state
  if state == 'failed' or state == 'cancelled' then
    redis.call('ZREM', state == 'failed' and failed or cancelled, id)
    redis.call('HDEL', tries, id)
    redis.call('HDEL', reasons, id)
    redis.call('HDEL', progress, id)
    again[#again + 1] = id
    moved[id] = 'waiting'
    began[#again] = stamp
  end
end
if #again > 0 then
  requeue(again, began)
  redis.call('ZADD', wake, '0', '0')
  tell('added', again, 'retry')
end
return answers
