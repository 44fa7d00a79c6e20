-- enqueue: add jobs, each id once.
-- KEYS  waiting delayed meta wake
-- ARGV  now · n · wake channel · queue · '1' to write in any case · the jobs: packed list and joined bodies (see add)
-- RETURNS {n when all were added; else for each job 1 when it was added, 0 when the id exists, '=id' when that job has
--       its key, '~id' when it was added and that job was cancelled in its favour; the queue's durability, '' where
--       nobody has configured it}
-- COST  O(n log waiting), n at most 1,000
--@include now
local n, packed, joined = tonumber(ARGV[2]), ARGV[6], ARGV[7]
--@include add
local set = redis.call('HMGET', meta, 'wake_at', 'durability')
local added, plainly = false, 0
for i = 1, n do
  if answers[i] == 1 then
    plainly = plainly + 1
  elseif answers[i] ~= 0 then
    added = added or string.sub(answers[i], 1, 1) == '~'
  end
end
if added or plainly > 0 then
  redis.call('ZADD', wake, '0', '0')
  if set[1] and redis.call('ZCARD', waiting) + redis.call('ZCOUNT', delayed, '-inf', now) >= tonumber(set[1]) then
    redis.call('HDEL', meta, 'wake_at')
    redis.call('PUBLISH', ARGV[3], ARGV[4])
  end
elseif ARGV[5] == '1' then
  redis.call('HINCRBY', meta, 'repeated', '1') -- what WAIT waits for is this connection's latest write
end
return { plainly == n and n or answers, set[2] or '' }
