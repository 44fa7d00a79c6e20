-- fail: the attempt counts; the job runs again later, or goes to failed with a reason.
-- KEYS  meta failed outcomes delayed wake tries reasons
-- ARGV  now · worker · packed reports (see owned) of id, length of the outcome, reason ('stopped' when the run was
--       stopped because somebody cancelled the job), retry ms (-1 gives up), run µs (0 of a stopped one: it never
--       began) · joined outcomes
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n) and at most 1,000 trimmed; n at most 500
--@include now
--@include room
--@include owned
--@include tell
--@include bury
--@include return
local ids, places, stale, list = take_owned(ARGV[2], ARGV[3], 5)
if #ids == 0 then
  return stale
end
local marks = marks_of(ids) or {}
local outcome_of = pieces(list, 5, 2, ARGV[4])
local given_up, by_reason, retrying, back = {}, {}, {}, {}
local runs, run_us = 0, 0
for i, id in ipairs(ids) do
  local outcome, reason, retry_ms = outcome_of(places[i]), list[places[i] + 2], list[places[i] + 3]
  local ran_us = list[places[i] + 4]
  if reason ~= 'stopped' or marks[i] and ran_us > 0 then
    redis.call('HINCRBY', tries, id, '1000')
    runs, run_us = runs + 1, run_us + ran_us
  end
  if marks[i] then
    bury(id, marks[i], outcome)
  elseif reason == 'stopped' then
    back[#back + 1] = id -- nobody wants it stopped any more
  else
    redis.call('HSET', outcomes, id, outcome)
    if retry_ms < 0 then
      redis.call('ZADD', failed, stamp, id)
      redis.call('HSET', reasons, id, reason)
      given_up[#given_up + 1] = id
      by_reason[reason] = by_reason[reason] or {}
      table.insert(by_reason[reason], id)
    else
      redis.call('ZADD', delayed, string.format('%d', now + retry_ms), id)
      retrying[#retrying + 1] = id
    end
  end
end
redis.call('HINCRBY', meta, 'ended', runs)
redis.call('HINCRBY', meta, 'run_us', run_us)
if #back > 0 then
  tell('released', back)
  put_back(back)
end
if #retrying > 0 then
  tell('retrying', retrying)
end
if #given_up > 0 then
  for reason, those in pairs(by_reason) do
    tell('failed', those, reason)
  end
  depart(given_up, FAILED)
  trim_ill(failed)
end
close_graves()
redis.call('ZADD', wake, '0', '0')
return stale
