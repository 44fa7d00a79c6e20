-- fail: the attempt counts; the job runs again later, or goes to failed with a reason.
-- KEYS  meta failed outcomes delayed wake tries reasons
-- ARGV  now · worker · run µs of all · n · then for each job: id, fence, outcome, reason ('stopped' when the run was
--       stopped because somebody cancelled the job), retry ms ('' gives up)
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n) and at most 1,000 trimmed; n at most 500
--@include now
--@include room
--@include owned
--@include tell
--@include bury
--@include return
local good, stale, ids, said = take_owned(ARGV[2], 5, 5, tonumber(ARGV[4]))
if #good == 0 then
  return stale
end
redis.call('HINCRBY', meta, 'ended', #good)
redis.call('HINCRBY', meta, 'run_us', ARGV[3])
local marks = marks_of(ids) or {}
local given_up, by_reason, retrying = {}, {}, {}
for i, at in ipairs(good) do
  local id, reason = ids[i], ARGV[at + 3]
  if reason ~= 'stopped' then
    redis.call('HINCRBY', tries, id, 1000)
  end
  if marks[i] then
    bury(id, marks[i], ARGV[at + 2])
  elseif reason == 'stopped' then
    put_back(id, string.match(said[i], '|([^|]*)|')) -- nobody wants it stopped any more
  else
    redis.call('HSET', outcomes, id, ARGV[at + 2])
    if ARGV[at + 4] == '' then
      redis.call('ZADD', failed, now, id)
      redis.call('HSET', reasons, id, reason)
      given_up[#given_up + 1] = id
      by_reason[reason] = by_reason[reason] or {}
      table.insert(by_reason[reason], id)
    else
      redis.call('ZADD', delayed, now + tonumber(ARGV[at + 4]), id)
      retrying[#retrying + 1] = id
    end
  end
end
if #retrying > 0 then
  tell('retrying', retrying)
end
if #given_up > 0 then
  for reason, those in pairs(by_reason) do
    tell('failed', those, reason)
  end
  depart(given_up, FAILED)
  local set = redis.call('HMGET', meta, 'failed_count', 'failed_age_ms')
  trim(failed, tonumber(set[1] or 500), now - tonumber(set[2] or 604800000))
end
close_graves()
redis.call('ZADD', wake, 0, '0')
return stale
