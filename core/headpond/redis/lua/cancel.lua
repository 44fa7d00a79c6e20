-- cancel: end jobs that have not started; mark active ones, so that their workers stop them.
-- KEYS  jobs active cancels waiting aside tags
-- ARGV  now · control channel · cancelled or manual (into failed) · outcome of those that never start · then ids
-- RETURNS for each id 1 cancelled, 2 asked, 3 ended before, 0 unknown
-- COST  O(n log n), n at most 1,000; at most 1,000 trimmed
--@include now
--@include room
--@include bury
--@include withdraw
local into, outcome = ARGV[3], ARGV[4]
local answers, asked = {}, {}
for i = 5, #ARGV do
  local id = ARGV[i]
  if withdraw(id) then
    bury(id, into, outcome)
    answers[i - 4] = 1
  elseif redis.call('ZSCORE', active, id) then
    redis.call('HSET', cancels, id, into)
    asked[#asked + 1] = id
    answers[i - 4] = 2
  else
    answers[i - 4] = redis.call('HEXISTS', jobs, id) == 1 and 3 or 0
  end
end
if #asked > 0 then
  tell('cancelling', asked)
  redis.call('PUBLISH', ARGV[2], 'cancel')
end
if redis.call('EXISTS', waiting, aside) == 0 then
  redis.call('DEL', tags) -- else a tenant would be behind by the jobs that it no longer has
end
close_graves()
return answers
