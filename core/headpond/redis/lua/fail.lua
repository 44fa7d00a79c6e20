-- fail: the attempt counts; the job runs again later, or goes to failed with a reason.
-- KEYS  active owners busy meta failed outcomes delayed wake jobs standing tries since reasons parked
-- ARGV  now · worker · run µs of all · n · then for each job: id, fence, outcome, reason, retry ms ('' gives up)
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n) and at most 1,000 trimmed; n at most 500
local active, owners, busy, meta, failed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local outcomes, delayed, wake, jobs, standing = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local tries, since, reasons, parked = KEYS[11], KEYS[12], KEYS[13], KEYS[14]
--@include now
--@include drop
--@include room
--@include owned
local good, stale, ids = take_owned(ARGV[2], 5, 5, tonumber(ARGV[4]))
if #good == 0 then
  return stale
end
redis.call('HINCRBY', meta, 'ended', #good)
redis.call('HINCRBY', meta, 'run_us', ARGV[3])
local given_up = false
for i, at in ipairs(good) do
  local id = ids[i]
  redis.call('HINCRBY', tries, id, 1000)
  redis.call('HSET', outcomes, id, ARGV[at + 2])
  if ARGV[at + 4] == '' then
    redis.call('ZADD', failed, now, id)
    redis.call('HSET', reasons, id, ARGV[at + 3])
    given_up = true
  else
    redis.call('ZADD', delayed, now + tonumber(ARGV[at + 4]), id)
  end
end
if given_up then
  local set = redis.call('HMGET', meta, 'failed_count', 'failed_age_ms')
  trim(failed, tonumber(set[1] or 500), now - tonumber(set[2] or 604800000))
end
redis.call('ZADD', wake, 0, '0')
return stale
