-- drain: ask workers to claim nothing more, or take the request back.
-- KEYS  draining
-- ARGV  now · control channel · '1' asks, '' takes back · then the workers
-- RETURNS 1
-- COST  O(workers)
--@include room
for i = 4, #ARGV do
  if ARGV[3] == '1' then
    redis.call('HSET', draining, ARGV[i], '1')
  else
    redis.call('HDEL', draining, ARGV[i])
  end
end
redis.call('PUBLISH', ARGV[2], 'drain')
return 1
