-- retry: failed and cancelled jobs wait again, with all their retries before them.
-- KEYS  failed cancelled tries reasons since progress standing wake
-- ARGV  now · then ids
-- RETURNS for each id the state in which it was, '' when there is no such job
-- COST  O(n log n), n at most 1,000
--@include now
--@include line
--@include ages
--@include states
--@include tell
local answers, again, marks = {}, {}, {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local state = state_of(id)
  answers[i - 1] = state
  if state == 'failed' or state == 'cancelled' then
    redis.call('ZREM', state == 'failed' and failed or cancelled, id)
    redis.call('HDEL', tries, id)
    redis.call('HDEL', reasons, id)
    redis.call('HDEL', progress, id)
    again[#again + 1] = id
    marks[#marks + 1] = id
    marks[#marks + 1] = string.format('%.0f', now)
  end
end
if #again > 0 then
  redis.call('HSET', since, unpack(marks))
  count_age(math.floor(now / 1000), #again)
  line(again, lanes_of(redis.call('HMGET', standing, unpack(again))))
  redis.call('ZADD', wake, 0, '0')
  tell('added', again, 'retry')
end
return answers
