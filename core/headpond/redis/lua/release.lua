-- release: held jobs go back without a counted attempt, to their old places or as delayed.
-- KEYS  delayed wake jobs parked
-- ARGV  now · worker · n · then for each job: id, fence, delay ms, unknown job type or '', new body or ''
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n), n at most 500
--@include now
--@include return
--@include room
--@include owned
--@include tell
--@include bury
local good, stale, ids, said = take_owned(ARGV[2], 4, 5, tonumber(ARGV[3]))
if #good == 0 then
  return stale
end
local marks = marks_of(ids) or {}
local back, strange = {}, {}
for i, at in ipairs(good) do
  local id = ids[i]
  local delay, unknown, body = tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4]
  if marks[i] then
    local worker, claimed = string.match(said[i], '^(.*)%.%d+|[^|]*|(%d+)$')
    bury(id, marks[i], stopped_outcome(claimed, worker))
  else
    if body ~= '' then
      redis.call('HSET', jobs, id, string.sub(redis.call('HGET', jobs, id), 1, 13) .. body)
    end
    if unknown ~= '' then
      redis.call('HSET', parked, id, unknown)
      strange[unknown] = strange[unknown] or {}
      table.insert(strange[unknown], id)
    else
      back[#back + 1] = id
    end
    if delay > 0 then
      redis.call('ZADD', delayed, now + delay, id)
    else
      put_back(id, string.match(said[i], '|([^|]*)|'))
    end
  end
end
if #back > 0 then
  tell('released', back)
end
for unknown, those in pairs(strange) do
  tell('parked', those, unknown)
end
close_graves()
redis.call('ZADD', wake, 0, '0')
return stale
