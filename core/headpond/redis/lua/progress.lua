-- progress: how far held jobs are.
-- KEYS  owners meta progress
-- ARGV  now · n · then for each job: id, fence, packed progress
-- RETURNS the ids that this fence does not hold
-- COST  O(n), n at most 500
--@include room
--@include tell
local stale, good = {}, {}
for at = 3, #ARGV, 3 do
  local id, fence = ARGV[at], ARGV[at + 1] .. '|'
  local owner = redis.call('HGET', owners, id)
  if owner and string.sub(owner, 1, #fence) == fence then
    redis.call('HSET', progress, id, ARGV[at + 2])
    good[#good + 1] = id
  else
    stale[#stale + 1] = id
  end
end
if #stale > 0 then
  redis.call('HINCRBY', meta, 'stale', #stale)
end
if #good > 0 then
  tell('progress', good)
end
return stale
