-- release: held jobs go back without a counted attempt, to their old places or as delayed.
-- KEYS  delayed wake jobs parked
-- ARGV  now · worker · packed reports (see owned) of id, delay ms, unknown job type or '', length of a new body (0: it
--       stays) · joined bodies
-- RETURNS the ids that this fence no longer held
-- COST  O(n log n), n at most 500
--@include now
--@include return
--@include room
--@include owned
--@include tell
--@include bury
local ids, places, stale, list, said = take_owned(ARGV[2], ARGV[3], 4)
if #ids == 0 then
  return stale
end
local marks = marks_of(ids) or {}
local body_of = pieces(list, 4, 4, ARGV[4])
local back, released, strange = {}, {}, {}
for i, id in ipairs(ids) do
  local delay, unknown, body = list[places[i] + 1], list[places[i] + 2], body_of(places[i])
  if marks[i] then
    local worker, claimed = string.match(said[i], '^(.*)%.%d+|(%d+)$')
    bury(id, marks[i], stopped_outcome(claimed, worker))
  else
    if body ~= '' then
      redis.call('HSET', jobs, id, string.sub(redis.call('HGET', jobs, id), 1, 29) .. body)
    end
    if unknown ~= '' then
      redis.call('HSET', parked, id, unknown)
      strange[unknown] = strange[unknown] or {}
      table.insert(strange[unknown], id)
    else
      released[#released + 1] = id
    end
    if delay > 0 then
      redis.call('ZADD', delayed, string.format('%d', now + delay), id)
    else
      back[#back + 1] = id
    end
  end
end
put_back(back)
if #released > 0 then
  tell('released', released)
end
for unknown, those in pairs(strange) do
  tell('parked', those, unknown)
end
close_graves()
redis.call('ZADD', wake, '0', '0')
return stale
