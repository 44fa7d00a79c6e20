-- requeue: let jobs that are in no state wait from `began` (13 digits each) on, at the ends of their lanes.
-- KEYS  since standing
--@include ages
--@include line
--@include usual
local function requeue(ids, began)
  local scores = line(ids, lanes_of(redis.call('HMGET', standing, unpack(ids)), usual_standing()))
  local marks = {}
  for i = 1, #ids do
    marks[2 * i - 1] = ids[i]
    marks[2 * i] = began[i] .. scores[i]
  end
  redis.call('HSET', since, unpack(marks))
  count_ages(began, 1)
end
